/** Setting up the second factor: the password, a code of the app, and the recovery codes at the end. */
import { reactive, ref, shallowRef } from 'vue'
import type { EnrolmentOut } from '~/api'
import { problemOf, type ApiProblem } from '../../utils/problem'

export interface EnrolmentCalls {
  begin: (password: string) => Promise<EnrolmentOut>
  confirm: (code: string) => Promise<string[]>
}

export function useEnrolment(calls: EnrolmentCalls) {
  const state = reactive({ password: '', code: '' })
  const enrolment = shallowRef<EnrolmentOut | null>(null)
  const codes = shallowRef<string[]>([])
  const problem = shallowRef<ApiProblem | null>(null)
  const busy = ref(false)

  async function run(act: () => Promise<void>) {
    busy.value = true
    problem.value = null
    try {
      await act()
    } catch (error) {
      problem.value = problemOf(error)
    } finally {
      busy.value = false
    }
  }

  const begin = () => run(async () => {
    enrolment.value = await calls.begin(state.password)
    state.password = ''
  })

  const confirm = () => run(async () => {
    try {
      codes.value = await calls.confirm(state.code)
      enrolment.value = null
    } finally {
      state.code = ''
    }
  })

  /** Forget everything secret that was shown. */
  function reset() {
    Object.assign(state, { password: '', code: '' })
    enrolment.value = null
    codes.value = []
    problem.value = null
  }

  return { state, enrolment, codes, problem, busy, begin, confirm, reset }
}
