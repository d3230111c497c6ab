/** What charts of one history have in common: how they are drawn, and how their numbers are written. */
import type { HistoryOut } from '~/api'

export function useCharts(history: Ref<HistoryOut | null>, range: Ref<TimeRange>, height: number) {
  const format = useFormat()
  const common = computed(() => ({ gap: gapMs(history.value), long: range.value === '7d' || range.value === '30d', height }))
  const line = (label: string, color: string, name: string) => ({ label, color: `var(--color-${color}-500)`, points: pointsOf(history.value, name) })
  const percent = (value: number) => `${format.number(value)} %`
  const speed = (value: number) => `${format.bytes(value)}/s`
  return { common, line, percent, speed }
}
