import { describe, expect, it, vi } from 'vitest'
import { useEnrolment } from '../../app/composables/accounts/useEnrolment'
import { useSignIn } from '../../app/composables/accounts/useSignIn'
import { ApiProblem } from '../../app/utils/problem'

const refused = (code: string) => Promise.reject(new ApiProblem({ code }))

describe('signing in', () => {
  it('takes a code only where the Brain asks for one, and sends everything again with it', async () => {
    const signIn = vi.fn((_name: string, _password: string, code: string | null) => (code === '123456' ? Promise.resolve() : refused('second_factor_required')))
    const form = useSignIn(signIn, ' admin ')
    form.state.password = 'secret'
    expect(await form.submit()).toBe(false)
    expect([form.step.value, form.problem.value, form.state.password]).toEqual(['code', null, 'secret'])
    form.state.code = '123456'
    expect(await form.submit()).toBe(true)
    expect(signIn.mock.calls).toEqual([['admin', 'secret', null], ['admin', 'secret', '123456']])
    expect(form.state.password).toBe('')
  })

  it('forgets a wrong password, and keeps a right one when the code is wrong', async () => {
    const answers = ['second_factor_required', 'wrong_code', 'invalid_credentials']
    const form = useSignIn(() => refused(answers.shift() ?? ''), 'admin')
    form.state.password = 'secret'
    await form.submit()
    form.state.code = '1'
    await form.submit()
    expect([form.step.value, form.problem.value?.code, form.state.password, form.state.code]).toEqual(['code', 'wrong_code', 'secret', ''])
    await form.submit()
    expect([form.step.value, form.problem.value?.code, form.state.password]).toEqual(['password', 'invalid_credentials', ''])
  })
})

describe('setting up the second factor', () => {
  const enrolment = { secret: 'ABC', uri: 'otpauth://totp/x', qr: 'data:image/svg+xml,' }

  it('goes from the password over a code to the recovery codes, and forgets them all', async () => {
    const form = useEnrolment({ begin: async () => enrolment, confirm: async () => ['a', 'b'] })
    form.state.password = 'secret'
    await form.begin()
    expect([form.enrolment.value, form.state.password]).toEqual([enrolment, ''])
    form.state.code = '123456'
    await form.confirm()
    expect([form.enrolment.value, form.codes.value, form.state.code]).toEqual([null, ['a', 'b'], ''])
    form.reset()
    expect(form.codes.value).toEqual([])
  })

  it('stays where it is when something is wrong', async () => {
    const form = useEnrolment({ begin: async () => enrolment, confirm: () => refused('wrong_code') })
    await form.begin()
    await form.confirm()
    expect([form.enrolment.value, form.problem.value?.code]).toEqual([enrolment, 'wrong_code'])
  })
})
