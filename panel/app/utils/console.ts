/** Lines of a console as they arrive: each once, in order, with gaps and new starts named. */
import { plainText } from './ansi'

export interface ConsoleLine {
  /** Counts from 1 with every start of the server, and never skips. */
  number: number
  at: string
  text: string
  /** Which start printed it; empty from nodes of earlier releases. */
  start?: string
  /** The id of its frame: where to go on after it. */
  place?: string
}

export type ConsolePart = ConsoleLine | { missing: number } | { restarted: true }

/** Remembers what was shown, so that a reconnect neither repeats a line nor hides that some are lost. */
export class ConsoleBuffer {
  private readonly lines: ConsoleLine[] = []
  private last: ConsoleLine | undefined

  constructor(private readonly keep = 10_000) {}

  /** Where to resume; undefined before the first line. */
  get place(): string | undefined {
    return this.last?.place
  }

  /** What to show of the lines that came. */
  accept(came: readonly ConsoleLine[]): ConsolePart[] {
    const shown: ConsolePart[] = []
    for (const line of came) {
      const last = this.last
      const restarted = last !== undefined && isOfAnotherStart(line, last)
      if (last && !restarted && line.number <= last.number) continue
      if (restarted) shown.push({ restarted: true })
      const missing = last ? line.number - 1 - (restarted ? 0 : last.number) : 0
      if (missing > 0) shown.push({ missing })
      shown.push(line)
      this.lines.push(line)
      this.last = line
    }
    if (this.lines.length > this.keep) this.lines.splice(0, this.lines.length - this.keep)
    return shown
  }

  text(): string {
    return this.lines.map(line => plainText(line.text)).join('\n')
  }
}

function isOfAnotherStart(line: ConsoleLine, last: ConsoleLine): boolean {
  if (line.start && last.start) return line.start !== last.start
  return line.number <= last.number && Date.parse(line.at) > Date.parse(last.at)
}
