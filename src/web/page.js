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

  // --- documents: the filters that the server knows too, applied to the rows that are here
  const plain = (text) => text.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase().replace(/œ/g, 'oe').replace(/æ/g, 'ae').replace(/[^\p{L}\p{N}]+/gu, ' ').trim();
  const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, '\u00a0');
  const PRINTED = 8;
  const list = at('documents');
  const form = at('filters');
  const fields = [['f-text', 'Mots'], ['f-type', 'Type'], ['f-practice', 'Spécialité'], ['f-period', 'Période'], ['f-author', 'Auteur']]
    .map(([id, name]) => ({ element: at(id), name })).filter((f) => f.element);
  const ready = list && form && fields.length === 5;
  const chosen = (field) => field.element.selectedOptions && field.element.value ? field.element.selectedOptions[0] : null;
  const active = (field) => (chosen(field) ? true : !field.element.selectedOptions && plain(field.element.value) !== '');
  let rows = [];

  const read = () => {
    rows = Array.from(list.children, (item) => {
      const time = item.querySelector('time');
      const words = [item.firstElementChild, item.querySelector('a'), item.querySelector('small')].map((part) => part.textContent);
      return { item, day: time ? time.dateTime : '', text: plain(words.join(' ')) };
    });
  };

  // The rows that are not here yet, from the page of all documents.
  let coming = null;
  const whole = () => {
    if (!list.dataset.all) return Promise.resolve();
    coming = coming || fetch(list.dataset.all, { credentials: 'same-origin', headers: { Accept: 'text/html' } }).then(async (answer) => {
      const page = answer.ok && new DOMParser().parseFromString(await answer.text(), 'text/html');
      const all = page && page.getElementById('documents');
      if (!all) throw new Error(String(answer.status));
      list.replaceChildren(...all.children);
      list.removeAttribute('data-all');
      fields.forEach(({ element }) => Array.from(element.options || []).forEach((option) => {
        const same = Array.from(page.getElementById(element.id).options).find((o) => o.value === option.value);
        if (same && same.dataset.n) option.dataset.n = same.dataset.n;
      }));
      read();
    });
    coming.catch(() => { coming = null; });
    return coming;
  };

  const since = (days) => {
    const day = new Date((list.dataset.now || new Date().toISOString().slice(0, 10)) + 'T12:00:00Z');
    day.setUTCDate(day.getUTCDate() - Number(days));
    return day.toISOString().slice(0, 10);
  };

  const chips = () => {
    const items = fields.filter(active).map((field) => {
      const value = chosen(field) ? chosen(field).textContent.replace(/ \(\d+\)$/, '') : '« ' + field.element.value.trim() + ' »';
      const button = make('button', field.name + ' : ' + value, { type: 'button', class: 'chip' });
      button.append(make('span', ' : retirer ce filtre', { class: 'unseen' }), make('span', ' ✕', { class: 'cross', 'aria-hidden': 'true' }));
      button.addEventListener('click', () => { field.element.value = ''; apply(); field.element.focus(); });
      const item = make('li');
      item.append(button);
      return item;
    });
    at('chips').replaceChildren(...items);
    at('chips').hidden = !items.length;
    at('unfiltered').hidden = items.length > 0;
    return items.length > 0;
  };

  const shown = () => {
    const [, kind, practice, period, author] = fields.map((f) => (chosen(f) ? chosen(f).dataset.n : ''));
    const words = plain(fields[0].element.value).split(' ').filter(Boolean);
    const from = period ? since(period) : '';
    const left = rows.filter((row) => {
      const { t, s, a } = row.item.dataset;
      const kept = (!kind || t === kind) && (!practice || s === practice) && (!author || a === author)
        && (!from || (row.day && row.day >= from)) && words.every((w) => row.text.includes(w));
      row.item.hidden = !kept;
      return kept;
    }).length;
    const filtered = chips();
    const total = Number(at('found').dataset.total);
    list.classList.toggle('filtered', filtered);
    at('none').hidden = left > 0;
    if (at('others')) at('others').remove();
    at('unprinted').textContent = filtered || total <= PRINTED ? '' : 'Et ' + grouped(total - PRINTED) + ' autres documents, non imprimés.';
    at('found').textContent = (left ? grouped(left) : 'aucun') + ' document' + (left > 1 ? 's' : '') + (filtered ? ' sur ' + grouped(total) : '');
    const address = new URL(location.href);
    fields.forEach((f) => (active(f) ? address.searchParams.set(f.element.name, f.element.value) : address.searchParams.delete(f.element.name)));
    history.replaceState(null, '', address);
  };

  // Without the rows the server is asked.
  const apply = () => whole().then(shown, () => form.submit());

  if (ready) {
    read();
    chips();
    at('f-go').hidden = true;
    let wait = 0;
    fields.forEach((f) => f.element.addEventListener('input', () => { clearTimeout(wait); wait = setTimeout(apply, f.element.id === 'f-text' ? 120 : 0); }));
    at('f-text').addEventListener('keydown', (event) => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      apply();
    });
  }
  document.addEventListener('click', (event) => {
    const keeps = ready && event.target.closest('a.keeps');
    if (keeps) {
      const address = new URL(keeps.href);
      fields.forEach((f) => (active(f) ? address.searchParams.set(f.element.name, f.element.value) : address.searchParams.delete(f.element.name)));
      keeps.href = address;
    }
    const rest = ready && event.target.closest('a.all');
    if (!rest || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const before = rows.length;
    apply().then(() => {
      const visible = rows.filter((row) => !row.item.hidden);
      if (visible[before]) visible[before].item.querySelector('a').focus();
    });
  });

  // --- keys: by place for the digits, so that they need no shift on a French keyboard
  const off = at('keys-off');
  let listening = true;
  const keys = (on) => {
    listening = on;
    off.setAttribute('aria-pressed', String(on));
    off.textContent = on ? 'Raccourcis actifs' : 'Raccourcis coupés';
    try { localStorage.setItem('keys', on ? 'on' : 'off'); } catch (_) { /* kept for this page only */ }
  };
  if (off) {
    at('keys').hidden = false;
    let kept = 'on';
    try { kept = localStorage.getItem('keys') || 'on'; } catch (_) { /* the default */ }
    keys(kept !== 'off');
    off.addEventListener('click', () => keys(!listening));
    document.addEventListener('keydown', (event) => {
      const typing = event.target.closest('input, select, textarea, dialog');
      if (!listening || typing || event.ctrlKey || event.altKey || event.metaKey) return;
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
    const link = event.target.closest('section a.more:not(.all)');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    further(link).catch(() => { location.assign(link.href); });
  });

  // --- the identifiers of a document, for the local record
  const pairs = [['uniqueId', 'uniqueId'], ['entryUuid', 'entryUUID'], ['logicalId', 'logicalId']];
  const identifiers = (values, title) => {
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
    send(button.formAction, event.target, 'application/json').then((answer) => answer.json()).then((values) => identifiers(values, title), () => identifiers(null, title));
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
