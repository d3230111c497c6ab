/** Formatting in the page's language, against a clock that ticks once a second for all of the page. */
const now = ref(Date.now())

if (import.meta.client) setInterval(() => (now.value = Date.now()), 1000)

export function useFormat() {
  const { locale } = useI18n()
  return {
    now: readonly(now),
    bytes: (value: number) => formatBytes(value, locale.value),
    mb: (value: number) => formatMb(value, locale.value),
    number: (value: number, digits = 0) => formatNumber(value, locale.value, digits),
    percent: (part: number, whole: number) => formatPercent(part, whole, locale.value),
    when: (iso: string) => formatWhen(iso, locale.value),
    moment: (iso: string | number) => formatMoment(iso, locale.value),
    clock: (iso: string | number) => formatClock(iso, locale.value),
    ago: (iso: string) => formatAgo(iso, now.value, locale.value),
    /** How long ago something began, as a length of time. */
    lasting: (iso: string) => formatDuration(Math.max(1000, now.value - Date.parse(iso))),
    duration: formatDuration,
  }
}
