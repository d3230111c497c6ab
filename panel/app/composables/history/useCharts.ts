/** What charts of one history have in common: how they are drawn, and how their numbers are written. */
import type { HistoryOut } from '~/api'

/** Written out: a colour that stands in no file in full is not built into the page. */
const COLORS = {
  teal: 'var(--color-teal-500)',
  violet: 'var(--color-violet-500)',
  sky: 'var(--color-sky-500)',
  amber: 'var(--color-amber-500)',
  green: 'var(--color-green-500)',
  red: 'var(--color-red-500)',
}
export type ChartColor = keyof typeof COLORS

export function useCharts(history: Ref<HistoryOut | null>, range: Ref<TimeRange>, height: number) {
  const format = useFormat()
  const common = computed(() => ({ gap: gapMs(history.value), long: range.value === '7d' || range.value === '30d', height }))
  const line = (label: string, color: ChartColor, name: string) => ({ label, color: COLORS[color], points: pointsOf(history.value, name) })
  const percent = (value: number) => `${format.number(value)} %`
  const speed = (value: number) => `${format.bytes(value)}/s`
  return { common, line, percent, speed }
}
