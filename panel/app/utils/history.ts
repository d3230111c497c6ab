/** Measurements of the Brain as points of charts. */
import type { HistoryOut } from '~/api'
import type { Point } from './chart'

export const RANGES = ['1h', '24h', '7d', '30d'] as const
export type TimeRange = (typeof RANGES)[number]

/** How often a range is asked for again: when there may be something new to see. */
export const FRESH_MS: Record<TimeRange, number> = { '1h': 300_000, '24h': 300_000, '7d': 900_000, '30d': 900_000 }

/** One series; `factor` turns its unit into that of the chart. Moments of which nothing is known are left out. */
export function pointsOf(history: HistoryOut | null, name: string, factor = 1): Point[] {
  const values = history?.series[name]
  if (!history || !values) return []
  return history.at.flatMap((at, index) => {
    const value = values[index]
    return value == null ? [] : [{ at: at * 1000, value: value * factor }]
  })
}

/** The share of one series in another, in percent. */
export function sharePoints(history: HistoryOut | null, part: string, whole: string): Point[] {
  const wholes = new Map(pointsOf(history, whole).map(point => [point.at, point.value]))
  return pointsOf(history, part).flatMap(({ at, value }) => {
    const all = wholes.get(at)
    return all ? [{ at, value: 100 * value / all }] : []
  })
}

/** How often the cache had what was asked for, in percent, over a few spans at a time: one alone says little. */
export function hitRatePoints(history: HistoryOut | null, over = 6): Point[] {
  const misses = pointsOf(history, 'cache_misses')
  const both = pointsOf(history, 'cache_hits').map((point, index) => ({ at: point.at, hits: point.value, all: point.value + (misses[index]?.value ?? 0) }))
  return both.flatMap(({ at }, index) => {
    const lately = both.slice(Math.max(0, index - over + 1), index + 1)
    const all = lately.reduce((sum, each) => sum + each.all, 0)
    return all ? [{ at, value: 100 * lately.reduce((sum, each) => sum + each.hits, 0) / all }] : []
  })
}

/** Beyond this pause a line is broken: nothing was measured meanwhile. */
export function gapMs(history: HistoryOut | null): number {
  return (history?.resolution_s === 30 ? 660 : 2.5 * (history?.resolution_s ?? 300)) * 1000
}

/** At most so many rows of a table, evenly spread, the last one always among them. */
export function thinned<T>(rows: readonly T[], most: number): T[] {
  if (rows.length <= most) return [...rows]
  const step = (rows.length - 1) / (most - 1)
  return Array.from({ length: most }, (_, index) => rows[Math.round(index * step)] as T)
}

const RECENT_S = 3600
const EVERY_S = 30

/** With one more moment at the end; the last half minute is replaced, and what is older than an hour goes. */
export function extended(history: HistoryOut, now: number, values: Record<string, number>): HistoryOut {
  const at = Math.floor(now / EVERY_S) * EVERY_S
  const end = history.at.at(-1) === at ? history.at.length - 1 : history.at.length
  const begin = Math.max(0, history.at.findIndex(each => each >= at - RECENT_S))
  const series = Object.fromEntries(Object.entries(history.series).map(
    ([name, known]) => [name, [...known.slice(begin, end), values[name] ?? null]],
  ))
  return { ...history, until: at, resolution_s: EVERY_S, at: [...history.at.slice(begin, end), at], series }
}
