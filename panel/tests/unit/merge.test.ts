import { describe, expect, it } from 'vitest'
import { computed, nextTick, shallowRef } from 'vue'
import { useSharedForm } from '../../app/composables/kit/useSharedForm'
import { changesOf, disputed, rebased } from '~/utils/merge'

describe('a form over something that others change', () => {
  const before = { name: 'a', memory: 512, tags: ['x'] }

  it('keeps what was typed and takes over the rest', () => {
    expect(rebased({ ...before, name: 'b' }, before, { ...before, memory: 1024 })).toEqual({ name: 'b', memory: 1024, tags: ['x'] })
  })

  it('knows what differs, arrays included', () => {
    expect(changesOf({ ...before, tags: ['x', 'y'] }, before)).toEqual({ tags: ['x', 'y'] })
    expect(changesOf({ ...before, tags: ['x'] }, before)).toEqual({})
  })

  it('knows what both have changed, unless to the same', () => {
    const typed = { ...before, name: 'b', memory: 1024 }
    expect(disputed(typed, before, { ...before, name: 'c', memory: 1024 })).toEqual(['name'])
    expect(disputed(typed, before, { ...before, tags: [] })).toEqual([])
  })

  it('tells whoever computes from it that something was typed', () => {
    const form = useSharedForm(() => ({ ...before, tags: [...before.tags] }))
    const dirty = computed(() => Object.keys(form.changes()).length > 0)
    expect(dirty.value).toBe(false)
    form.state.tags.push('y')
    expect(dirty.value).toBe(true)
  })

  it('sends only what somebody typed, even after others have saved', async () => {
    const shown = shallowRef(before)
    const form = useSharedForm(() => ({ ...shown.value }))
    form.state.name = 'mine'
    shown.value = { ...before, memory: 1024 }
    await nextTick()
    expect([form.state.memory, form.changes(), form.conflicts.value]).toEqual([1024, { name: 'mine' }, []])
    shown.value = { ...shown.value, name: 'theirs' }
    await nextTick()
    expect([form.state.name, form.conflicts.value]).toEqual(['mine', ['name']])
    shown.value = { ...shown.value, name: 'mine' }
    await nextTick()
    expect([form.changes(), form.conflicts.value]).toEqual([{}, []])
  })
})
