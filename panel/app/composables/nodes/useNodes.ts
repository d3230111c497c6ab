/** Every node. Events say at once when one changes, and the live feed how busy it is. */
import { getNode, listNodes, type EventOut, type NodeOut, type NodeState } from '~/api'

const STATES_BY_EVENT: Record<string, NodeState> = {
  'node.came_online': 'online',
  'node.fell_silent': 'suspect',
  'node.went_offline': 'offline',
}

const list = new LiveList<NodeOut>()
const loaded = ref(false)
const problem = shallowRef<ApiProblem | null>(null)

async function load(): Promise<void> {
  try {
    const rows: NodeOut[] = []
    await askAll(cursor => listNodes({ query: { limit: 500, cursor } }), items => rows.push(...items))
    list.replaceAll(rows)
    loaded.value = true
    problem.value = null
  } catch (error) {
    problem.value = problemOf(error)
  }
}

async function reload(id: string): Promise<void> {
  try {
    list.put(await ask(getNode({ path: { node: id } })))
  } catch (error) {
    if (problemOf(error).status === 404) list.remove(id)
  }
}

function apply(events: EventOut[]) {
  const touched = new Set<string>()
  for (const event of events) {
    if (event.subject_kind === 'node') touched.add(event.subject_id)
    const state = STATES_BY_EVENT[event.kind]
    if (state) list.patch(event.subject_id, { state, state_since: event.at })
    const node = stateChange(event)?.nodeId
    if (node) touched.add(node)
  }
  if (touched.size > 3) void reloadAll()
  else touched.forEach(id => void reload(id))
}

function applyLoads(frame: LoadFrame) {
  const last_seen = new Date().toISOString()
  list.batch(() => Object.entries(frame.nodes).forEach(([id, load]) => list.patch(id, { load, last_seen })))
}

const reloadAll = useThrottleFn(load, 2000, true)

const start = createSharedComposable(() => {
  useLive().onEvents(apply)
  useLive().onLoads(applyLoads)
  void load()
})

export function useNodes() {
  start()
  return { rows: list.rows, list, loaded: readonly(loaded), problem: readonly(problem), load, reload }
}
