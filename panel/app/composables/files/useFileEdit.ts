/** A text that is being edited, and what somebody else may have made of the file meanwhile. Nothing typed is ever lost. */
import type { ChangedFile, FileContent } from '~/api'

export interface EditCalls {
  read: (path: string) => Promise<FileContent>
  write: (path: string, text: string, digest: string) => Promise<ChangedFile>
}

export function useFileEdit(calls: EditCalls) {
  const file = shallowRef<FileContent | null>(null)
  const text = ref('')
  const editing = ref(false)
  const saving = ref(false)
  const problem = shallowRef<ApiProblem | null>(null)
  /** What is there now, where somebody else has changed it since. */
  const theirs = shallowRef<FileContent | null>(null)

  const dirty = computed(() => editing.value && file.value !== null && text.value !== shownText(file.value.text))

  function begin(content: FileContent) {
    file.value = content
    text.value = shownText(content.text)
    editing.value = true
    problem.value = null
    theirs.value = null
  }

  function end() {
    editing.value = false
    problem.value = null
    theirs.value = null
  }

  /** True once it is written. `over`: also over what somebody else has written meanwhile, which was shown. */
  async function save(over = false): Promise<boolean> {
    if (!file.value || saving.value) return false
    saving.value = true
    try {
      const seen = over && theirs.value ? theirs.value : file.value
      await calls.write(file.value.path, writtenText(text.value, file.value.text), seen.digest)
      end()
      return true
    } catch (error) {
      await refused(problemOf(error))
      return false
    } finally {
      saving.value = false
    }
  }

  /** Go on from what is there now; what was typed is given back, to be kept elsewhere. */
  function takeTheirs(): string {
    const typed = text.value
    if (theirs.value) begin(theirs.value)
    return typed
  }

  async function refused(why: ApiProblem) {
    problem.value = why
    if (why.code !== 'file_changed' || !file.value) return
    theirs.value = await calls.read(file.value.path).catch(() => null)
  }

  return { file, text, editing, saving, problem, theirs, dirty, begin, end, save, takeTheirs }
}

/** As a text area has it: it knows no carriage returns. */
export function shownText(text: string): string {
  return text.replaceAll('\r\n', '\n')
}

/** With the line ends that the file had. */
export function writtenText(text: string, before: string): string {
  return before.includes('\r\n') ? text.replaceAll('\n', '\r\n') : text
}
