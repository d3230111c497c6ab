/** A tree of files that is read folder by folder, or searched. */
import type { FileOut, FilesOut } from '~/api'

export interface FileQuery {
  folder?: string
  glob?: string
  after?: string
}

/** `source` asks for a page of a folder or of a search. */
export function useFileTree(source: (query: FileQuery) => Promise<FilesOut>) {
  const children = shallowRef(new Map<string, FileOut[]>())
  const open = shallowRef(new Set<string>())
  const found = shallowRef<FileOut[] | null>(null)
  const text = ref('')
  const loading = ref(true)
  const more = ref(false)
  const problem = shallowRef<ApiProblem | null>(null)
  let asked = 0

  const rows = computed<TreeRow[]>(() => found.value
    ? found.value.map(file => ({ file, name: file.path, depth: 0, open: false }))
    : treeRows(children.value, open.value))

  async function attempt(act: () => Promise<void>) {
    loading.value = true
    try {
      await act()
      problem.value = null
    } catch (error) {
      problem.value = problemOf(error)
    } finally {
      loading.value = false
    }
  }

  async function read(folder: string): Promise<void> {
    const files: FileOut[] = []
    let after: string | undefined = ''
    do {
      const page: FilesOut = await source({ folder, after })
      files.push(...page.files)
      after = page.next ?? undefined
    } while (after && files.length < 20_000)
    children.value = new Map(children.value).set(folder, sortedFiles(files))
  }

  /** Open or close a folder. */
  async function toggle(path: string): Promise<void> {
    const next = new Set(open.value)
    if (!next.delete(path)) {
      next.add(path)
      if (!children.value.has(path)) await attempt(() => read(path))
    }
    open.value = next
  }

  /** Everything that is open, once more. */
  async function reload(): Promise<void> {
    await attempt(async () => {
      await read('')
      for (const folder of open.value) await read(folder).catch(() => undefined)
    })
    if (text.value.trim()) await search()
  }

  async function search(): Promise<void> {
    const turn = ++asked
    if (!text.value.trim()) {
      found.value = null
      more.value = false
      return
    }
    await attempt(async () => {
      const page = await source({ glob: searchGlob(text.value) })
      if (turn !== asked) return
      found.value = page.files
      more.value = page.next !== null || !page.complete
    })
  }

  watchDebounced(text, () => void search(), { debounce: 300 })
  return { rows, text, loading, more, problem, toggle, reload }
}
