/** What the doctor finds, looked for again every minute while somebody looks at the page and the Brain is heard. */
import { getDoctor, type DoctorOut } from '~/api'

const EVERY_MS = 60_000

export function useDoctor() {
  const session = useSession()
  const diagnosis = shallowRef<DoctorOut | null>(null)
  const problem = shallowRef<ApiProblem | null>(null)
  const looking = ref(false)
  /** He looks at everything, so he answers only those who may see everything. */
  const may = session.canEverywhere('operator')

  async function look(): Promise<void> {
    if (!may || looking.value) return
    looking.value = true
    try {
      diagnosis.value = await ask(getDoctor())
      problem.value = null
    } catch (error) {
      problem.value = problemOf(error)
    } finally {
      looking.value = false
    }
  }

  void look()
  useFresh(look, () => EVERY_MS)
  return { diagnosis, problem, looking, look }
}
