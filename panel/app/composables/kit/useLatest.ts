/** The answer to a question that changes while somebody waits for it: only the newest one counts. */
import { ref, shallowRef } from 'vue'
import { problemOf, type ApiProblem } from '../../utils/problem'

/** `question` gives null where there is nothing to ask. */
export function useLatest<Q, A>(question: () => Q | null, read: (question: Q) => Promise<A>) {
  const answer = shallowRef<A | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  const looking = ref(false)
  let seen = ''
  let turn = 0
  const key = () => JSON.stringify(question())

  async function look(): Promise<void> {
    const mine = ++turn
    const asked = question()
    const about = key()
    looking.value = true
    try {
      const found = asked === null ? null : await read(asked)
      if (mine !== turn) return
      answer.value = found
      problem.value = null
    } catch (error) {
      if (mine === turn) problem.value = problemOf(error)
    }
    if (mine !== turn) return
    looking.value = false
    seen = about
  }

  /** Look until the answer is to the question as it is now. False where there is a problem instead. */
  async function settle(): Promise<boolean> {
    if (problem.value) await look()
    while (seen !== key()) await look()
    return !problem.value
  }

  return { answer, problem, looking, look, settle }
}
