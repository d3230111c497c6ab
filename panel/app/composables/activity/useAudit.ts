/** The audit log, newest first. */
import { listAudit, type AuditOut } from '~/api'

export interface AuditFilter { actor: string, action: string, target: string, outcome: string }

export function auditQuery(filter: AuditFilter) {
  return {
    actor: filter.actor || undefined,
    action: filter.action || undefined,
    target: filter.target || undefined,
    outcome: filter.outcome === 'any' ? undefined : filter.outcome,
  }
}

export function useAudit(filter: AuditFilter) {
  const records = shallowRef<AuditOut[]>([])
  const cursor = ref<string | null>(null)
  const loading = ref(false)
  const problem = shallowRef<ApiProblem | null>(null)
  let turn = 0

  async function read(from?: string): Promise<void> {
    const mine = ++turn
    loading.value = true
    try {
      const page = await ask(listAudit({
        query: { limit: 200, cursor: from, ...auditQuery(filter) },
      }))
      if (mine !== turn) return
      records.value = from ? [...records.value, ...page.items] : page.items
      cursor.value = page.next_cursor ?? null
      problem.value = null
    } catch (error) {
      if (mine === turn) problem.value = problemOf(error)
    } finally {
      if (mine === turn) loading.value = false
    }
  }

  watchDebounced(filter, () => void read(), { debounce: 300, deep: true })
  void read()
  const more = () => (cursor.value && !loading.value ? read(cursor.value) : undefined)
  return { records, loading, problem, read, more }
}
