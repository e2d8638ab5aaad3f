// Bounds of content, so that no stranger's block makes us work without end, and the one layout that mutable files have.

/** A block larger than this is neither made nor accepted (bitswap's own limit is 2 MiB). */
export const BLOCK_BYTES_MAX = 1 << 20

/** Links of one node. A directory that would need more is refused: sites fan their files out. */
export const NODE_LINKS_MAX = 16_384

/** Levels of nodes below a file's root; 64 children a node reach 2^53 bytes in 7. */
export const FILE_DEPTH_MAX = 12

/** Directories above an entry. */
export const PATH_DEPTH_MAX = 16

/** Bytes of a name in a directory, as UTF-8. */
export const NAME_BYTES_MAX = 255

/** How a file is cut: fixed chunks as raw leaves under a balanced tree (the importer's `fixedSize` and `balanced`). */
export type FileLayout = { readonly chunkBytes: number; readonly fanout: number }

/** 16 KiB chunks, 64 children a node: a 100-byte write into 64 MiB makes one chunk and two nodes new, 23 KB. */
export const STATE_LAYOUT: FileLayout = { chunkBytes: 16_384, fanout: 64 }
