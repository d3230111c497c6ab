/** Names of instances and nodes: lower-case letters, digits, `-` and `_`; the Brain takes no others. */
const NAME = /^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$/

export function isName(text: string): boolean {
  return NAME.test(text)
}
