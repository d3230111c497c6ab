import { watch } from 'vue'
import { describe, expect, it } from 'vitest'
import { LiveList } from '~/utils/liveList'

interface Row {
  id: string
  state: string
}

const row = (id: string, state = 'running'): Row => ({ id, state })

describe('LiveList', () => {
  it('inserts, replaces and removes by id', () => {
    const list = new LiveList<Row>()
    list.replaceAll([row('a'), row('b')])
    list.put(row('b', 'failed'))
    list.put(row('c'))
    list.remove('a')
    expect(list.rows.value).toEqual([row('b', 'failed'), row('c')])
  })

  it('leaves rows that are not there alone', () => {
    const list = new LiveList<Row>()
    list.replaceAll([row('a')])
    const before = list.rows.value
    expect(list.patch('x', { state: 'failed' })).toBe(false)
    list.remove('x')
    expect(list.rows.value).toBe(before)
  })

  it('makes a new object for a patched row, so that its view is drawn anew', () => {
    const list = new LiveList<Row>()
    const first = row('a')
    list.put(first)
    list.patch('a', { state: 'failed' })
    expect(list.get('a')).toEqual(row('a', 'failed'))
    expect(first.state).toBe('running')
  })

  it('tells once for a batch of changes, however many', () => {
    const list = new LiveList<Row>()
    let told = 0
    watch(list.rows, () => told++, { flush: 'sync' })
    list.batch(() => {
      for (let n = 0; n < 1000; n++) list.put(row(String(n % 100)))
      list.batch(() => list.remove('5'))
    })
    expect(told).toBe(1)
    expect(list.rows.value).toHaveLength(99)
  })
})
