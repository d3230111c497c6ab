/** What the template cache of a node holds, asked for again when it has changed; nothing while nobody can ask the node. */
import { getNodeCache, type CachedOut, type NodeOut } from '~/api'

export function useNodeCache(node: () => NodeOut) {
  const contents = shallowRef<readonly CachedOut[]>([])
  const problem = shallowRef<ApiProblem | null>(null)
  const there = () => node().state === 'online'

  async function load(): Promise<void> {
    if (!there()) return
    try {
      contents.value = (await ask(getNodeCache({ path: { node: node().id } }))).templates
      problem.value = null
    } catch (error) {
      problem.value = problemOf(error)
    }
  }

  watch([() => node().id, there, () => node().load?.cache_versions, () => node().load?.cache_bytes], () => void load(), { immediate: true })
  return { contents, problem, load }
}
