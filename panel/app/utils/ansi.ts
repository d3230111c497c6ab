/** Lines of servers carry colours and other commands for terminals; these take them away. */

// eslint-disable-next-line no-control-regex
const COLOUR = /\x1b\[[0-9;]*m/g
// eslint-disable-next-line no-control-regex
const COMMAND = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|\x1b[@-_]|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g
/** What makes text run backwards, so that a line says something else than it shows. */
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** The text alone. */
export function plainText(line: string): string {
  return line.replace(COMMAND, '').replace(DIRECTION, '')
}

/** Colours may pass; whatever else a server prints must not steer the terminal. */
export function coloured(line: string): string {
  const colours = line.match(COLOUR) ?? []
  return line.split(COLOUR).map((text, index) => plainText(text) + (colours[index] ?? '')).join('')
}
