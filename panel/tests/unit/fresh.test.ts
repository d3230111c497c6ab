import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope } from 'vue'
import { useFresh } from '../../app/composables/live/useFresh'
import { pulses } from '../../app/utils/listeners'

describe('what is kept fresh by the live stream', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })

  function keep(act: () => Promise<unknown> | unknown, ms = () => 5000) {
    const scope = effectScope()
    scope.run(() => useFresh(act, ms))
    return scope
  }
  const later = (ms: number) => vi.advanceTimersByTimeAsync(ms)
  async function hear() {
    pulses.tell()
    await later(0)
  }

  it('is asked for when the Brain is heard and it is due, and never otherwise', async () => {
    const act = vi.fn()
    const scope = keep(act)
    await later(60_000)
    expect(act).not.toHaveBeenCalled()
    await hear()
    await hear()
    expect(act).toHaveBeenCalledTimes(1)
    await later(5000)
    await hear()
    expect(act).toHaveBeenCalledTimes(2)
    scope.stop()
    await later(5000)
    await hear()
    expect(act).toHaveBeenCalledTimes(2)
  })

  it('is asked for once at a time, and again after a failure', async () => {
    const answers: ((value: unknown) => void)[] = []
    const act = vi.fn(() => new Promise(resolve => answers.push(resolve)))
    const scope = keep(act)
    await later(5000)
    await hear()
    await later(5000)
    await hear()
    expect(act).toHaveBeenCalledTimes(1)
    answers[0]?.(null)
    await later(5000)
    await hear()
    expect(act).toHaveBeenCalledTimes(2)
    scope.stop()
  })

  it('is left alone while nobody looks', async () => {
    const seen = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden')
    const act = vi.fn()
    const scope = keep(act)
    await later(5000)
    await hear()
    expect(act).not.toHaveBeenCalled()
    seen.mockReturnValue('visible')
    document.dispatchEvent(new Event('visibilitychange'))
    await hear()
    expect(act).toHaveBeenCalledTimes(1)
    scope.stop()
  })
})
