/** What the list of instances shows; kept in the address, so that a view can be shared and survives going back. */
import type { State } from '~/api'

const SORTS: SortKey[] = ['name', 'state', 'game', 'node', 'players', 'uptime']

export function useInstanceFilter() {
  const route = useRoute()
  const router = useRouter()

  const filter = reactive<InstanceFilter>(fromQuery())

  function fromQuery(): InstanceFilter {
    const { text, state, node, game, sort, desc } = route.query
    return {
      text: one(text),
      states: [state].flat().filter((each): each is State => STATES.includes(each as State)),
      node: one(node),
      game: one(game),
      sort: SORTS.find(each => each === sort) ?? 'name',
      descending: desc === '1',
    }
  }

  const write = useDebounceFn(() => {
    if (route.path !== '/instances') return
    void router.replace({
      query: {
        text: filter.text || undefined,
        state: filter.states.length ? filter.states : undefined,
        node: filter.node || undefined,
        game: filter.game || undefined,
        sort: filter.sort === 'name' ? undefined : filter.sort,
        desc: filter.descending ? '1' : undefined,
      },
    })
  }, 300)

  watch(filter, () => void write(), { deep: true })
  const active = computed(() => !!(filter.text || filter.states.length || filter.node || filter.game))

  function clear() {
    Object.assign(filter, { text: '', states: [], node: '', game: '' })
  }

  return { filter, active, clear }
}

function one(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
