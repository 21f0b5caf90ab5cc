// Before anything is shown: a sign that scripts run, so that nothing moves when they do.
document.documentElement.classList.add("scripted");
