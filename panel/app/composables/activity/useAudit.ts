/** The audit log, newest first: live at the top, older pages on demand. */
import { listAudit, type AuditOut } from '~/api'

export interface AuditFilter { actor: string, action: string, target: string, outcome: string }

const SHOWN = 5000

export function auditQuery(filter: AuditFilter) {
  return {
    actor: filter.actor || undefined,
    action: filter.action || undefined,
    target: filter.target || undefined,
    outcome: filter.outcome === 'any' ? undefined : filter.outcome,
  }
}

/** The same for an address. */
export function auditSearch(filter: AuditFilter): string {
  return String(new URLSearchParams(Object.entries(auditQuery(filter)).filter((entry): entry is [string, string] => !!entry[1])))
}

export function useAudit(filter: AuditFilter) {
  const records = shallowRef<AuditOut[]>([])
  const cursor = ref<string | null>(null)
  const loading = ref(false)
  const problem = shallowRef<ApiProblem | null>(null)
  let turn = 0
  let stop = new AbortController()

  const batch = new FrameBatch<AuditOut>((fresh) => {
    const newest = records.value[0]?.id ?? 0
    records.value = [...fresh.filter(each => each.id > newest).reverse(), ...records.value].slice(0, SHOWN)
  })

  /** Hear of what is written from now on, until the filter changes. */
  function follow() {
    const { signal } = stop
    const search = auditSearch(filter)
    void followStream({
      url: () => `/api/v1/audit?${search}`,
      lastId: () => String(records.value[0]?.id ?? 0),
      signal,
      onState: () => undefined,
      onFrame: (frame) => {
        if (frame.event === 'audit' && !signal.aborted) batch.add(JSON.parse(frame.data) as AuditOut)
      },
    })
  }

  async function read(from?: string): Promise<void> {
    const mine = ++turn
    loading.value = true
    if (!from) stop.abort()
    try {
      const page = await ask(listAudit({
        query: { limit: 200, cursor: from, ...auditQuery(filter) },
      }))
      if (mine !== turn) return
      records.value = from ? [...records.value, ...page.items] : page.items
      cursor.value = page.next_cursor ?? null
      problem.value = null
      if (!from) {
        stop = new AbortController()
        follow()
      }
    } catch (error) {
      if (mine === turn) problem.value = problemOf(error)
    } finally {
      if (mine === turn) loading.value = false
    }
  }

  watchDebounced(filter, () => void read(), { debounce: 300, deep: true })
  watch(useSession().expired, expired => !expired && void read())
  onScopeDispose(() => {
    turn++
    stop.abort()
  })
  void read()
  const more = () => (cursor.value && !loading.value ? read(cursor.value) : undefined)
  return { records, loading, problem, read, more }
}
