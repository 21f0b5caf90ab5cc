"""From posteriors to what happened when: smoothing, episodes, figures."""
