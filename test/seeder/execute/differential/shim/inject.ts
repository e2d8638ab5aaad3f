// Names that Node has as globals.

export { Buffer } from './buffer.ts'
