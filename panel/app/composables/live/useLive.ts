/** The one live connection: every event of the network once, in batches, resumed where it broke; and how busy all is. */
import { listEvents, type EventOut } from '~/api'

const state = ref<StreamState>('connecting')
const since = ref(Date.now())
const listeners = new Listeners<[EventOut[]]>()
const loadListeners = new Listeners<[LoadFrame]>()
let lastId: string | undefined
let stop: AbortController | undefined

const batch = new FrameBatch<EventOut>(events => listeners.tell(events))

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
    onPulse: () => pulses.tell(),
    onFrame: (frame) => {
      if (frame.event === 'problem') return
      if (frame.event === 'loads') return loadListeners.tell(JSON.parse(frame.data) as LoadFrame)
      if (frame.id) lastId = frame.id
      batch.add(JSON.parse(frame.data) as EventOut)
    },
  })
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
  const onEvents = (listener: (events: EventOut[]) => void) => listeners.add(listener)
  /** Hear how busy everything is, at most once in two seconds; a frame tells of what has changed. */
  const onLoads = (listener: (frame: LoadFrame) => void) => loadListeners.add(listener)
  return { state: readonly(state), since: readonly(since), connectLive, disconnectLive, onEvents, onLoads }
}
