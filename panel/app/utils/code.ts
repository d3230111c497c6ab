/** Texts with commands in them, which stand between backquotes. */
export function codeParts(text: string): { text: string, code: boolean }[] {
  return text.split('`').map((part, index) => ({ text: part, code: index % 2 === 1 })).filter(part => part.text)
}
