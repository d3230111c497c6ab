/** What crashes look like, and how long an instance waits for its next attempt. */

export const CRASH_LOOKS: Record<string, { icon: string, color: 'error' | 'warning' | 'neutral' }> = {
  crash: { icon: 'i-lucide-bomb', color: 'error' },
  oom: { icon: 'i-lucide-memory-stick', color: 'error' },
  hang: { icon: 'i-lucide-circle-pause', color: 'error' },
  start_timeout: { icon: 'i-lucide-timer-off', color: 'warning' },
  configuration: { icon: 'i-lucide-file-warning', color: 'warning' },
  vanished: { icon: 'i-lucide-ghost', color: 'neutral' },
}

const SENTENCES: [RegExp, string][] = [
  [/^It ran out of memory\.$/, 'oom'],
  [/^It did not answer any more\.$/, 'hang'],
  [/^Its container was removed\.$/, 'vanished'],
  [/^Signal (\d+) ended it, without a word\.$/, 'signal'],
  [/^It ended with exit code (-?\d+|None), without a word\.$/, 'exit'],
]

/** A cause that the agent puts into words of its own, and not the server's: which one, and the number in it. */
export function knownCause(cause: string): { key: string, value: string } | undefined {
  const [pattern, key] = SENTENCES.find(([each]) => each.test(cause)) ?? []
  return pattern && key ? { key, value: pattern.exec(cause)?.[1] ?? '' } : undefined
}

/** Whole seconds until a moment, 0 once it has come; null where there is none to wait for. */
export function secondsUntil(moment: string | null | undefined, now: number): number | null {
  return moment ? Math.max(0, Math.ceil((Date.parse(moment) - now) / 1000)) : null
}

/** The few that happened most often first: `fra-1 (12), fra-2 (3)`. */
export function mostOften(counts: Record<string, number>, shown = 3): string {
  const all = Object.entries(counts).sort(([, one], [, other]) => other - one)
  const rest = all.length - shown
  return all.slice(0, shown).map(([name, count]) => `${name || '–'} (${count})`).join(', ') + (rest > 0 ? ` +${rest}` : '')
}
