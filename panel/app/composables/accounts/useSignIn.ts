/** Signing in: name and password, and then a code where the user has a second factor. */
import { reactive, ref, shallowRef } from 'vue'
import { problemOf, type ApiProblem } from '../../utils/problem'

export type SignIn = (name: string, password: string, code: string | null) => Promise<void>

export function useSignIn(signIn: SignIn, name = '') {
  const state = reactive({ name, password: '', code: '' })
  const step = ref<'password' | 'code'>('password')
  const problem = shallowRef<ApiProblem | null>(null)
  const busy = ref(false)

  /** Whether the login is done. A right password stays until the code is right too; a wrong one is forgotten. */
  async function submit(): Promise<boolean> {
    busy.value = true
    problem.value = null
    try {
      await signIn(state.name.trim(), state.password, step.value === 'code' ? state.code : null)
      Object.assign(state, { password: '', code: '' })
      return true
    } catch (error) {
      fail(problemOf(error))
      return false
    } finally {
      busy.value = false
    }
  }

  function fail(found: ApiProblem) {
    state.code = ''
    if (found.code === 'second_factor_required') {
      step.value = 'code'
      return
    }
    problem.value = found
    if (found.code === 'invalid_credentials') back()
  }

  function back() {
    step.value = 'password'
    state.password = ''
  }

  return { state, step, problem, busy, submit, back }
}
