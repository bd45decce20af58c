// Filters, keys, further lines, identifiers: the page is whole without any of it.
(() => {
  'use strict';
  const at = (id) => document.getElementById(id);
  const make = (name, text, attributes) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    Object.entries(attributes || {}).forEach(([key, value]) => element.setAttribute(key, value));
    return element;
  };
  const send = (address, form, accept) => fetch(address, {
    method: 'POST', body: new URLSearchParams(new FormData(form)), credentials: 'same-origin', headers: { Accept: accept },
  }).then((answer) => (answer.ok ? answer : Promise.reject(new Error(String(answer.status)))));

  // --- documents
  const plain = (text) => text.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase();
  const list = at('documents');
  const fields = [['f-text', 'Mots'], ['f-type', 'Type'], ['f-speciality', 'Spécialité'], ['f-period', 'Période'], ['f-author', 'Auteur']]
    .map(([id, name]) => ({ element: at(id), name })).filter((f) => f.element);
  let rows = [];

  const since = (days) => {
    const day = new Date((list.dataset.now || new Date().toISOString().slice(0, 10)) + 'T12:00:00Z');
    day.setUTCDate(day.getUTCDate() - Number(days));
    return day.toISOString().slice(0, 10);
  };

  const chips = () => {
    const holder = at('chips');
    holder.replaceChildren();
    fields.filter((f) => f.element.value.trim()).forEach((field) => {
      const select = field.element.selectedOptions;
      const value = select ? select[0].textContent.replace(/ \(\d+\)$/, '') : '« ' + field.element.value.trim() + ' »';
      const button = make('button', field.name + ' : ' + value + ' ', { type: 'button', class: 'chip' });
      button.append(make('span', 'retirer ce filtre', { class: 'unseen' }), make('span', ' ✕', { 'aria-hidden': 'true' }));
      button.addEventListener('click', () => { field.element.value = ''; apply(); field.element.focus(); });
      const item = make('li');
      item.append(button);
      holder.append(item);
    });
    holder.hidden = !holder.children.length;
    return holder.children.length > 0;
  };

  const apply = () => {
    const [text, kind, speciality, period, author] = fields.map((f) => f.element.value);
    const words = plain(text).split(/\s+/).filter(Boolean);
    const from = period ? since(period) : '';
    let shown = 0;
    rows.forEach((row) => {
      const kept = (!kind || row.item.dataset.t === kind) && (!speciality || row.item.dataset.s === speciality)
        && (!author || row.item.dataset.a === author) && (!from || (row.day && row.day >= from)) && words.every((w) => row.text.includes(w));
      row.item.hidden = !kept;
      shown += kept ? 1 : 0;
    });
    const filtered = chips();
    list.classList.toggle('filtered', filtered);
    at('none').hidden = shown > 0;
    const total = Number(at('found').dataset.total).toLocaleString('fr-FR');
    const number = shown.toLocaleString('fr-FR');
    at('found').textContent = filtered ? (shown ? number : 'Aucun') + ' document' + (shown > 1 ? 's' : '') + ' sur ' + total : total + ' document' + (shown > 1 ? 's' : '');
  };

  if (list && fields.length === 5) {
    rows = Array.from(list.children, (item) => {
      const time = item.querySelector('time');
      return { item, day: time ? time.dateTime : '', text: plain(item.children[1].textContent) };
    });
    at('filters').hidden = false;
    let wait = 0;
    fields.forEach((f) => f.element.addEventListener('input', () => { clearTimeout(wait); wait = setTimeout(apply, f.element.id === 'f-text' ? 120 : 0); }));
    apply();
  }

  // --- keys: by place for the digits, so that they need no shift on a French keyboard
  const off = at('keys-off');
  let active = true;
  const keys = (on) => {
    active = on;
    off.setAttribute('aria-pressed', String(on));
    off.textContent = on ? 'Raccourcis actifs' : 'Raccourcis coupés';
    try { localStorage.setItem('keys', on ? 'on' : 'off'); } catch (_) { /* kept for this page only */ }
  };
  if (off) {
    at('keys').hidden = false;
    let kept = 'on';
    try { kept = localStorage.getItem('keys') || 'on'; } catch (_) { /* the default */ }
    keys(kept !== 'off');
    off.addEventListener('click', () => keys(!active));
    document.addEventListener('keydown', (event) => {
      const typing = event.target.closest('input, select, textarea, dialog');
      if (!active || typing || event.ctrlKey || event.altKey || event.metaKey) return;
      const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
      const target = event.key === '/' ? at('f-text') : digit && at('s' + digit[1]);
      if (!target) return;
      event.preventDefault();
      target.focus({ preventScroll: true });
      target.scrollIntoView();
    });
  }

  // --- the reasons of one line at a time, until a click elsewhere or Escape
  const close = (but) => document.querySelectorAll('.why[open]').forEach((why) => { if (why !== but) why.open = false; });
  document.addEventListener('click', (event) => close(event.target.closest('.why')));
  document.addEventListener('keydown', (event) => {
    const why = event.key === 'Escape' && document.querySelector('.why[open]');
    if (!why) return;
    if (why.contains(document.activeElement)) why.querySelector('summary').focus();
    close(null);
  });

  // --- further lines: those of the page of the section, put behind the ones that are shown
  const further = async (link) => {
    const section = link.closest('section');
    const rest = link.closest('p');
    const answer = await fetch(link.href, { credentials: 'same-origin', headers: { Accept: 'text/html' } });
    if (!answer.ok || !(answer.headers.get('Content-Type') || '').startsWith('text/html')) throw new Error(String(answer.status));
    const suite = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('suite');
    if (!suite) throw new Error('suite');
    let first = null;
    Array.from(suite.children).forEach((part) => {
      if (part.matches('h3') && Array.from(section.querySelectorAll('h3')).some((h) => h.textContent === part.textContent)) return;
      const items = Array.from(part.querySelectorAll('.line'));
      items.forEach((item) => { item.id = item.id.replace('l99', section.id.replace('s', 'l')); });
      first = first || items[0];
      const same = part.matches('ul') && Array.from(section.querySelectorAll('ul.lines')).find((u) => u.className === part.className);
      if (same) same.append(...items); else rest.before(part);
    });
    rest.remove();
    const count = section.querySelector('h2 .count');
    if (count) count.textContent = count.textContent.replace(/^\S+/, String(section.querySelectorAll('.line').length));
    if (first) { first.tabIndex = -1; first.focus(); }
  };
  document.addEventListener('click', (event) => {
    const link = event.target.closest('section a.more');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    further(link).catch(() => { location.assign(link.href); });
  });

  // --- the identifiers of a document, for the local record
  const pairs = [['uniqueId', 'uniqueId'], ['entryUuid', 'entryUUID'], ['logicalId', 'logicalId']];
  const shown = (values, title) => {
    const dialog = make('dialog', '', { 'aria-labelledby': 'dialog-title' });
    dialog.append(make('h2', values ? 'Identifiants à reprendre' : 'La reprise a échoué', { id: 'dialog-title' }), make('p', values ? title : 'Le document n\'a pas été repris. Réessayez ou ouvrez-le depuis la liste.'));
    const names = make('dl');
    if (values) pairs.filter(([key]) => values[key]).forEach(([key, name]) => {
      const value = make('dd');
      const copy = make('button', 'Copier', { type: 'button', 'aria-label': 'Copier ' + name });
      copy.addEventListener('click', () => navigator.clipboard.writeText(values[key]).then(() => { copy.textContent = 'Copié'; }, () => {}));
      value.append(make('code', values[key]), copy);
      names.append(make('dt', name), value);
    });
    const end = make('button', 'Fermer', { type: 'button' });
    end.addEventListener('click', () => dialog.close());
    dialog.addEventListener('close', () => dialog.remove());
    if (values) dialog.append(names);
    dialog.append(end);
    document.body.append(dialog);
    dialog.showModal();
  };
  if (list) list.closest('form').addEventListener('submit', (event) => {
    const button = event.submitter;
    if (!button) return;
    event.preventDefault();
    const title = button.closest('li').querySelector('a').textContent;
    send(button.formAction, event.target, 'application/json').then((answer) => answer.json()).then((values) => shown(values, title), () => shown(null, title));
  });

  // --- once the page has been in view for two seconds, what is new has been seen
  const seen = at('seen');
  if (seen) {
    seen.hidden = true;
    let clock = 0;
    const confirm = () => {
      clearTimeout(clock);
      if (document.visibilityState !== 'visible') return;
      clock = setTimeout(() => {
        document.removeEventListener('visibilitychange', confirm);
        const form = seen.querySelector('form');
        send(form.action, form, 'application/json').catch(() => { seen.hidden = false; });
      }, 2000);
    };
    document.addEventListener('visibilitychange', confirm);
    confirm();
  }

  if (/\/print$/.test(location.pathname)) window.addEventListener('load', () => window.print());
})();
