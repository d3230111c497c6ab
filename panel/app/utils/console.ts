/** Lines of a console as they arrive: each once, in order, with gaps and new starts named. */
import { plainText } from './ansi'

export interface ConsoleLine {
  /** Counts from 1 with every start of the server, and never skips. */
  number: number
  at: string
  text: string
}

export type ConsolePart = ConsoleLine | { missing: number } | { restarted: true }

/** Remembers what was shown, so that a reconnect neither repeats a line nor hides that some are lost. */
export class ConsoleBuffer {
  private readonly lines: ConsoleLine[] = []
  private last: ConsoleLine | undefined
  private resumable = true

  constructor(private readonly keep = 10_000) {}

  /** The number to resume after; undefined where the server may have been started anew since. */
  get resumeAfter(): number | undefined {
    return this.resumable ? this.last?.number : undefined
  }

  /** The server was started anew: numbers no longer say where to resume. */
  forgetPlace() {
    this.resumable = false
  }

  /** What to show of the lines that came. */
  accept(came: readonly ConsoleLine[]): ConsolePart[] {
    const shown: ConsolePart[] = []
    for (const line of came) {
      const last = this.last
      if (last && line.number <= last.number) {
        if (Date.parse(line.at) <= Date.parse(last.at)) continue
        shown.push({ restarted: true })
      } else if (last && line.number > last.number + 1 && this.resumable) {
        shown.push({ missing: line.number - last.number - 1 })
      }
      this.resumable = true
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
