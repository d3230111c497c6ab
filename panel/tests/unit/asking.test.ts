import { describe, expect, it } from 'vitest'
import { useParts } from '../../app/composables/files/useParts'
import { useLatest } from '../../app/composables/kit/useLatest'
import { ApiProblem } from '../../app/utils/problem'

/** Answers that come when the test says so. */
function onDemand<Q>() {
  const waiting: { asked: Q, resolve: (value: string) => void, reject: (error: unknown) => void }[] = []
  const read = (asked: Q) => new Promise<string>((resolve, reject) => waiting.push({ asked, resolve, reject }))
  return { waiting, read }
}
const turn = () => new Promise(resolve => setTimeout(resolve))

describe('the newest question', () => {
  it('is the only one whose answer counts', async () => {
    let question = 'a'
    const { waiting, read } = onDemand<string>()
    const latest = useLatest(() => question, read)
    const first = latest.look()
    question = 'b'
    const second = latest.look()
    waiting[1]?.resolve('B')
    await second
    waiting[0]?.resolve('A')
    await first
    expect([latest.answer.value, latest.looking.value]).toEqual(['B', false])
  })

  it('is waited for, also when it changes meanwhile', async () => {
    let question = 'a'
    const { waiting, read } = onDemand<string>()
    const latest = useLatest(() => question, read)
    const settled = latest.settle()
    question = 'b'
    waiting[0]?.resolve('A')
    await turn()
    waiting[1]?.resolve('B')
    expect(await settled).toBe(true)
    expect([latest.answer.value, waiting.map(each => each.asked)]).toEqual(['B', ['a', 'b']])
  })

  it('is asked again after a problem, and what was known stays', async () => {
    const { waiting, read } = onDemand<string>()
    const latest = useLatest(() => 'a', read)
    const broken = latest.settle()
    waiting[0]?.reject(new ApiProblem({ code: 'no_connection' }))
    expect([await broken, latest.problem.value?.code]).toEqual([false, 'no_connection'])
    const again = latest.settle()
    waiting[1]?.resolve('A')
    expect([await again, latest.problem.value, latest.answer.value]).toEqual([true, null, 'A'])
  })

  it('needs no answer where there is nothing to ask', async () => {
    const { waiting, read } = onDemand<string>()
    const latest = useLatest<string, string>(() => null, read)
    expect([await latest.settle(), latest.answer.value, waiting]).toEqual([true, null, []])
  })
})

describe('a list that comes in parts', () => {
  const parts: Record<string, { files: string[], next: string | null }> = {
    '': { files: ['a', 'b'], next: 'b' }, 'b': { files: ['c'], next: null },
  }

  it('grows as somebody asks for more, and ends', async () => {
    const list = useParts(async after => parts[after] ?? { files: [], next: null })
    await list.load()
    expect([list.files.value, list.more.value]).toEqual([['a', 'b'], true])
    await list.readMore()
    await list.readMore()
    expect([list.files.value, list.more.value, list.first.value?.files]).toEqual([['a', 'b', 'c'], false, ['a', 'b']])
  })

  it('keeps what it has when the next part fails, and tries again', async () => {
    let fails = true
    const list = useParts(async (after) => {
      if (after && fails) throw new ApiProblem({ code: 'no_connection' })
      return parts[after] ?? { files: [], next: null }
    })
    await list.load()
    await list.readMore()
    expect([list.files.value, list.problem.value?.code, list.more.value]).toEqual([['a', 'b'], 'no_connection', true])
    fails = false
    await list.readMore()
    expect([list.files.value, list.problem.value]).toEqual([['a', 'b', 'c'], null])
  })

  it('forgets what belongs to another question', async () => {
    const answers: ((part: { files: string[], next: null }) => void)[] = []
    const list = useParts(() => new Promise<{ files: string[], next: null }>(resolve => answers.push(resolve)))
    const first = list.load()
    list.clear()
    answers[0]?.({ files: ['old'], next: null })
    await first
    expect([list.files.value, list.first.value, list.loading.value]).toEqual([[], null, false])
  })
})
