/** The event log, newest first: live at the top, older pages on demand. */
import { listEvents, type EventOut } from '~/api'

export interface EventQuery {
  kind?: string[]
  subject_kind?: string
  subject_id?: string
}

const SHOWN = 2000

export function useEvents(query: Ref<EventQuery>, limit = 100) {
  const events = shallowRef<EventOut[]>([])
  const cursor = ref<string | null>(null)
  const loading = ref(false)
  const problem = shallowRef<ApiProblem | null>(null)

  async function read(from?: string): Promise<void> {
    if (loading.value) return
    loading.value = true
    try {
      const page = await ask(listEvents({ query: { ...query.value, limit, cursor: from } }))
      events.value = from ? [...events.value, ...page.items] : page.items
      cursor.value = page.next_cursor ?? null
      problem.value = null
    } catch (error) {
      problem.value = problemOf(error)
    } finally {
      loading.value = false
    }
  }

  function wanted(event: EventOut): boolean {
    const { kind, subject_kind, subject_id } = query.value
    return (!kind?.length || kind.some(each => event.kind.startsWith(each)))
      && (!subject_kind || event.subject_kind === subject_kind)
      && (!subject_id || event.subject_id === subject_id)
  }

  useLive().onEvents((batch) => {
    const newest = events.value[0]?.id ?? 0
    const fresh = batch.filter(event => event.id > newest && wanted(event)).reverse()
    if (fresh.length) events.value = [...fresh, ...events.value].slice(0, SHOWN)
  })

  watch(query, () => void read(), { immediate: true, deep: true })
  const more = () => (cursor.value ? read(cursor.value) : undefined)
  return { events, cursor, loading, problem, read, more }
}
