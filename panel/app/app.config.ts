/** A filled button under the pointer becomes stronger: Nuxt UI makes it paler, and its text harder to read than WCAG AA allows. */
const filled = [
  { color: 'primary', class: 'hover:bg-[color-mix(in_oklab,var(--ui-primary)_85%,var(--ui-hover-mix))] active:bg-[color-mix(in_oklab,var(--ui-primary)_85%,var(--ui-hover-mix))]' },
  { color: 'secondary', class: 'hover:bg-[color-mix(in_oklab,var(--ui-secondary)_85%,var(--ui-hover-mix))] active:bg-[color-mix(in_oklab,var(--ui-secondary)_85%,var(--ui-hover-mix))]' },
  { color: 'success', class: 'hover:bg-[color-mix(in_oklab,var(--ui-success)_85%,var(--ui-hover-mix))] active:bg-[color-mix(in_oklab,var(--ui-success)_85%,var(--ui-hover-mix))]' },
  { color: 'info', class: 'hover:bg-[color-mix(in_oklab,var(--ui-info)_85%,var(--ui-hover-mix))] active:bg-[color-mix(in_oklab,var(--ui-info)_85%,var(--ui-hover-mix))]' },
  { color: 'warning', class: 'hover:bg-[color-mix(in_oklab,var(--ui-warning)_85%,var(--ui-hover-mix))] active:bg-[color-mix(in_oklab,var(--ui-warning)_85%,var(--ui-hover-mix))]' },
  { color: 'error', class: 'hover:bg-[color-mix(in_oklab,var(--ui-error)_85%,var(--ui-hover-mix))] active:bg-[color-mix(in_oklab,var(--ui-error)_85%,var(--ui-hover-mix))]' },
] as const

export default defineAppConfig({
  ui: {
    colors: {
      primary: 'teal',
      secondary: 'violet',
      success: 'green',
      info: 'sky',
      warning: 'amber',
      error: 'red',
      neutral: 'slate',
    },
    button: { compoundVariants: filled.map(each => ({ ...each, variant: 'solid' as const })) },
    // What a dialog says beside its title ends before the button that closes it.
    modal: { slots: { wrapper: 'pe-8' } },
    // Cards hide what overflows, so a full page would squeeze them instead of scrolling.
    dashboardPanel: { slots: { body: '*:shrink-0' } },
  },
})
