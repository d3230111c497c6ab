/** Crashes and their causes, newest first; read anew when a server crashes. */
import { listCrashes, listCrashGroups, type CrashGroup, type CrashSummary } from '~/api'

export interface CrashQuery {
  instance?: string
  fingerprint?: string
}

export function useCrashes(query: Ref<CrashQuery>) {
  const crashes = shallowRef<CrashSummary[]>([])
  const groups = shallowRef<CrashGroup[]>([])
  const cursor = ref<string | null>(null)
  const loading = ref(false)
  const problem = shallowRef<ApiProblem | null>(null)

  async function read(from?: string): Promise<void> {
    if (loading.value) return
    loading.value = true
    try {
      const [page, causes] = await Promise.all([
        ask(listCrashes({ query: { ...query.value, limit: 100, cursor: from } })),
        ask(listCrashGroups({ query: { instance: query.value.instance } })),
      ])
      crashes.value = from ? [...crashes.value, ...page.items] : page.items
      cursor.value = page.next_cursor ?? null
      groups.value = causes.items
      problem.value = null
    } catch (error) {
      problem.value = problemOf(error)
    } finally {
      loading.value = false
    }
  }

  useLive().onEvents((batch) => {
    if (batch.some(event => event.kind === 'instance.crashed')) void read()
  })

  watch(query, () => void read(), { immediate: true, deep: true })
  const more = () => (cursor.value ? read(cursor.value) : undefined)
  return { crashes, groups, cursor, loading, problem, read, more }
}
