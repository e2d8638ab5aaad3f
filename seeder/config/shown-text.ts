// Text of strangers on a terminal: a script's log line or another machine's answer must not move the cursor, set the title, hide what
// follows or turn its direction round. Control characters are shown by their number; line breaks and tabs stay.

// biome-ignore lint/suspicious/noControlCharactersInRegex: what is looked for are control characters.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

function numberOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

export function shownText(text: string): string {
  return text.replace(CONTROL, numberOf)
}
