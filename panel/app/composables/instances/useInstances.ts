/** Every instance that is not destroyed, kept up to date by the live feed. One list for the whole panel. */
import { getInstance, listInstances, type EventOut, type InstanceSummary } from '~/api'

/** Beyond so many rows to look at again, the whole list is cheaper. */
const MANY = 12

const list = new LiveList<InstanceSummary>()
const loading = ref(false)
const loaded = ref(false)
const problem = shallowRef<ApiProblem | null>(null)
const stale = new Set<string>()
/** Destroyed while the list is being read: pages that were read before still have them. */
const gone = new Set<string>()
let scheduled: ReturnType<typeof setTimeout> | undefined

async function load(): Promise<void> {
  if (loading.value) return
  loading.value = true
  gone.clear()
  try {
    const rows: InstanceSummary[] = []
    await askAll(cursor => listInstances({ query: { limit: 500, cursor } }), (items) => {
      rows.push(...items)
      if (!loaded.value) list.replaceAll(current(rows))
    })
    list.replaceAll(current(rows))
    loaded.value = true
    problem.value = null
  } catch (error) {
    problem.value = problemOf(error)
  } finally {
    loading.value = false
  }
}

/** Rows as they were answered, without what the feed has told meanwhile. */
function current(rows: InstanceSummary[]): InstanceSummary[] {
  return rows.filter(row => !gone.has(row.id)).map(row => newestState(row, list.get(row.id)))
}

/** State changes are shown at once; what the event does not carry is asked for a moment later. */
function apply(events: EventOut[]) {
  list.batch(() => events.forEach(applyOne))
  if (stale.size && scheduled === undefined) scheduled = setTimeout(refresh, 300)
}

function applyOne(event: EventOut) {
  if (event.subject_kind !== 'instance') return
  const change = stateChange(event)
  if (change?.to === 'destroyed') {
    stale.delete(event.subject_id)
    gone.add(event.subject_id)
    return list.remove(event.subject_id)
  }
  if (change) list.patch(change.id, { state: change.to, state_since: change.at })
  stale.add(event.subject_id)
}

/** Only rows whose players have changed: a list of thousands is not made anew for nothing. */
function applyLoads(frame: LoadFrame) {
  list.batch(() => Object.entries(frame.instances).forEach(([id, [, , players]]) => {
    if (list.get(id)?.state === 'running' && list.get(id)?.players !== players) list.patch(id, { players })
  }))
}

async function refresh(): Promise<void> {
  const ids = [...stale]
  stale.clear()
  try {
    if (ids.length > MANY) await load()
    else await Promise.all(ids.map(refreshOne))
  } finally {
    // While thousands of events arrive, the list is asked for every few seconds, not all the time.
    scheduled = undefined
    if (stale.size) scheduled = setTimeout(refresh, ids.length > MANY ? 3000 : 500)
  }
}

async function refreshOne(id: string): Promise<void> {
  try {
    const row = await ask(getInstance({ path: { instance: id } }))
    if (row.state === 'destroyed') list.remove(id)
    else list.put(newestState(row, list.get(id)))
  } catch (error) {
    if (problemOf(error).status === 404) list.remove(id)
  }
}

const start = createSharedComposable(() => {
  useLive().onEvents(apply)
  useLive().onLoads(applyLoads)
  void load()
})

export function useInstances() {
  start()
  return { rows: list.rows, list, loading: readonly(loading), loaded: readonly(loaded), problem: readonly(problem), load }
}
