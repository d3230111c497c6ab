/** Every template, read again when one was pushed, changed or removed. */
import { listTemplates, type TemplateOut } from '~/api'

const list = new LiveList<TemplateOut>()
const loaded = ref(false)
const problem = shallowRef<ApiProblem | null>(null)

async function load(): Promise<void> {
  try {
    const rows: TemplateOut[] = []
    await askAll(cursor => listTemplates({ query: { limit: 500, cursor } }), items => rows.push(...items))
    list.replaceAll(rows)
    loaded.value = true
    problem.value = null
  } catch (error) {
    problem.value = problemOf(error)
  }
}

const start = createSharedComposable(() => {
  const soon = useThrottleFn(load, 3000, true)
  useLive().onEvents((events) => {
    if (events.some(event => event.subject_kind === 'template' || event.kind === 'instance.created')) void soon()
  })
  void load()
})

export function useTemplates() {
  start()
  return { rows: list.rows, loaded: readonly(loaded), problem: readonly(problem), load }
}
