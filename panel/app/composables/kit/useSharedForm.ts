/** A form over something that others may change while one types: nothing typed is lost, and nothing of theirs undone. */
import { reactive, shallowRef, toRaw, watch } from 'vue'
import { changesOf, disputed, rebased } from '../../utils/merge'

export function useSharedForm<T extends object>(shown: () => T) {
  const state = reactive(shown()) as T
  const base = shallowRef(shown())
  /** Fields that both have changed, until they are the same again or sent. */
  const conflicts = shallowRef<string[]>([])

  watch(shown, (now) => {
    const typed = { ...toRaw(state) }
    const both = new Set([...conflicts.value, ...disputed(typed, base.value, now)])
    Object.assign(state, rebased(typed, base.value, now))
    base.value = now
    const left = changesOf(typed, now)
    conflicts.value = [...both].filter(key => key in left)
  })

  /** Read through the reactive object, so that what is computed of it follows what somebody types. */
  const changes = () => changesOf({ ...state }, base.value)
  return { state, conflicts, changes }
}
