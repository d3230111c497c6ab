/** The one live connection: every event of the network once, in batches, resumed where it broke; and how busy all is. */
import { listEvents, type EventOut } from '~/api'

type Listener = (events: EventOut[]) => void
type LoadListener = (frame: LoadFrame) => void

const state = ref<StreamState>('connecting')
const since = ref(Date.now())
const listeners = new Set<Listener>()
const loadListeners = new Set<LoadListener>()
let lastId: string | undefined
let stop: AbortController | undefined

const batch = new FrameBatch<EventOut>((events) => {
  for (const listener of listeners) listener(events)
})

/** Begin to listen. What is loaded after this promise is at least as new as the feed's beginning. */
async function connectLive(): Promise<void> {
  if (stop) return
  stop = new AbortController()
  const newest = await ask(listEvents({ query: { limit: 1 } })).catch((error: unknown) => {
    stop = undefined
    throw error
  })
  lastId = String(newest.items[0]?.id ?? 0)
  void followStream({
    url: () => '/api/v1/events?loads=true',
    lastId: () => lastId,
    signal: stop.signal,
    onState: setState,
    onFrame: (frame) => {
      if (frame.event === 'problem') return
      if (frame.event === 'loads') return tellLoads(JSON.parse(frame.data) as LoadFrame)
      if (frame.id) lastId = frame.id
      batch.add(JSON.parse(frame.data) as EventOut)
    },
  })
}

function tellLoads(frame: LoadFrame) {
  for (const listener of loadListeners) listener(frame)
}

function disconnectLive() {
  stop?.abort()
  stop = undefined
  state.value = 'connecting'
}

function setState(next: StreamState, problem?: ApiProblem) {
  if (next !== state.value) since.value = Date.now()
  if (next === 'live' && state.value === 'reconnecting') void useSession().recheck().catch(() => undefined)
  state.value = next
  if (next !== 'ended') return
  stop = undefined
  if (problem && isExpiry(problem)) useSession().expired.value = true
}

export function useLive() {
  /** Hear of events as long as the component lives. */
  function onEvents(listener: Listener) {
    listeners.add(listener)
    onScopeDispose(() => listeners.delete(listener))
  }
  /** Hear how busy everything is, at most once in two seconds; a frame tells of what has changed. */
  function onLoads(listener: LoadListener) {
    loadListeners.add(listener)
    onScopeDispose(() => loadListeners.delete(listener))
  }
  return { state: readonly(state), since: readonly(since), connectLive, disconnectLive, onEvents, onLoads }
}
