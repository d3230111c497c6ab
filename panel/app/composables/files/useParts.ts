/** A list of files that comes in parts: the first one, and as many more as somebody asks for. */
import { computed, ref, shallowRef, type ShallowRef } from 'vue'
import { problemOf, type ApiProblem } from '../../utils/problem'

interface Part { files: unknown[], next: string | null }

/** `read` gets where the part before ended; empty for the first. */
export function useParts<P extends Part>(read: (after: string) => Promise<P>) {
  const first: ShallowRef<P | null> = shallowRef(null)
  const files: ShallowRef<P['files'][number][]> = shallowRef([])
  const next = ref<string | null>(null)
  const loading = ref(false)
  const problem = shallowRef<ApiProblem | null>(null)
  let asked = 0

  async function take(after: string, use: (part: P) => void): Promise<void> {
    const turn = ++asked
    loading.value = true
    problem.value = null
    try {
      const part = await read(after)
      if (turn !== asked) return
      use(part)
      next.value = part.next
    } catch (error) {
      if (turn === asked) problem.value = problemOf(error)
    } finally {
      if (turn === asked) loading.value = false
    }
  }

  function clear() {
    asked++
    loading.value = false
    first.value = next.value = problem.value = null
    files.value = []
  }

  async function load(): Promise<void> {
    clear()
    await take('', (part) => {
      first.value = part
      files.value = part.files
    })
  }

  async function more(): Promise<void> {
    if (next.value === null || loading.value) return
    await take(next.value, part => (files.value = [...files.value, ...part.files]))
  }

  return { first, files, more: computed(() => next.value !== null), loading, problem, clear, load, readMore: more }
}
