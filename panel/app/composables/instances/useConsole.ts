/** The live console of an instance: what it says, resumed where it broke off, and what one tells it. */
import { sendConsoleLine } from '~/api'

export function useConsole(id: string, show: (parts: ConsolePart[]) => void) {
  const buffer = new ConsoleBuffer()
  const state = ref<StreamState>('connecting')
  const problem = shallowRef<ApiProblem | null>(null)
  let stop = new AbortController()

  const batch = new FrameBatch<ConsoleLine>((lines) => {
    const parts = buffer.accept(lines)
    if (parts.length) show(parts)
  })

  function follow() {
    stop.abort()
    stop = new AbortController()
    void followStream({
      url: () => `/api/v1/instances/${encodeURIComponent(id)}/console?tail=1000`,
      lastId: () => buffer.place,
      signal: stop.signal,
      onState: (next, why) => {
        state.value = next
        if (next === 'live') problem.value = null
        else if (why) problem.value = why
      },
      onFrame: (frame) => {
        if (frame.event === 'problem') problem.value = problemOf(JSON.parse(frame.data))
        else batch.add({ ...JSON.parse(frame.data) as ConsoleLine, place: frame.id })
      },
    })
  }

  /** Its process was started (again): there is something to read, now. */
  function started() {
    if (state.value !== 'live') follow()
  }

  onScopeDispose(() => stop.abort())
  const send = (line: string) => ask(sendConsoleLine({ path: { instance: id }, body: { line } }))
  return { state: readonly(state), problem: readonly(problem), buffer, follow, started, send }
}
