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
    // Cards hide what overflows, so a full page would squeeze them instead of scrolling.
    dashboardPanel: { slots: { body: '*:shrink-0' } },
  },
})
