/** One instance in full, read again whenever something happened to it, how busy it is as the feed tells, and its events. */
import { getInstance, listInstanceEvents, type EventOut, type InstanceOut } from '~/api'

export function useInstance(name: string) {
  const instance = shallowRef<InstanceOut | null>(null)
  const events = shallowRef<EventOut[]>([])
  const problem = shallowRef<ApiProblem | null>(null)
  const older = ref<string | null>(null)

  async function load(): Promise<void> {
    try {
      instance.value = await ask(getInstance({ path: { instance: instance.value?.id ?? name } }))
      problem.value = null
    } catch (error) {
      problem.value = problemOf(error)
    }
  }

  async function loadEvents(cursor?: string): Promise<void> {
    const page = await ask(listInstanceEvents({ path: { instance: instance.value?.id ?? name }, query: { limit: 100, cursor } }))
    events.value = cursor ? [...events.value, ...page.items] : page.items
    older.value = page.next_cursor ?? null
  }

  const reload = useThrottleFn(load, 400, true)

  useLive().onEvents((batch) => {
    const mine = batch.filter(event => event.subject_id === instance.value?.id)
    if (!mine.length) return
    const known = new Set(events.value.map(event => event.id))
    events.value = [...mine.filter(event => !known.has(event.id)).reverse(), ...events.value]
    const last = mine.map(stateChange).findLast(Boolean)
    if (last && instance.value) instance.value = { ...instance.value, state: last.to, state_since: last.at }
    void reload()
  })

  useLive().onLoads((frame) => {
    const shown = instance.value
    if (!shown) return
    const usage = instanceLoad(frame, shown.id)
    const [step, progress] = frame.progress[shown.id] ?? []
    if (usage) instance.value = { ...shown, usage, players: shown.state === 'running' ? usage.players : shown.players }
    if (step !== undefined && progress !== undefined && shown.state === 'preparing') instance.value = { ...shown, progress: { step, progress } }
    if (usage && usage.players !== shown.players) void reload()
  })

  async function begin() {
    await load()
    if (instance.value) await loadEvents().catch(() => undefined)
  }

  return { instance, events, problem, older, load, loadEvents, begin }
}
