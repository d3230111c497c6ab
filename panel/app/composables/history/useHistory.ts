/** Measurements over a range of time: loaded, kept fresh while somebody looks, and, for the last hour, extended live. */
import type { HistoryOut } from '~/api'

/** How often the last hour has something new where nobody extends it live. */
const EVERY_MS = 30_000

export function useHistory(
  read: (range: TimeRange) => Promise<HistoryOut>,
  live?: (frame: LoadFrame) => Record<string, number> | undefined,
  first: TimeRange = '1h',
) {
  const range = ref<TimeRange>(first)
  const history = shallowRef<HistoryOut | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  let asked = 0

  async function load(): Promise<void> {
    const number = ++asked
    try {
      const found = await read(range.value)
      if (number !== asked) return
      history.value = found
      problem.value = null
    } catch (error) {
      if (number === asked) problem.value = problemOf(error)
    }
  }

  useLive().onLoads((frame) => {
    const values = range.value === '1h' ? live?.(frame) : undefined
    if (values && history.value) history.value = extended(history.value, Date.now() / 1000, values)
  })
  watch(range, () => {
    history.value = null
    void load()
  }, { immediate: true })
  useFresh(load, () => (range.value === '1h' && !live ? EVERY_MS : FRESH_MS[range.value]))

  return { range, history, problem, load }
}
