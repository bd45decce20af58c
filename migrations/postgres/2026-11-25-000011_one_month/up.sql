-- What is kept from its patient is kept for one month with all that it replaces and that replaces it: the moment holds for the whole chain.
UPDATE document SET visible_from_us = (SELECT MIN(kept.visible_from_us) FROM document kept WHERE kept.chain = document.chain AND kept.visible_from_us > 0)
WHERE chain IN (SELECT hidden.chain FROM document hidden WHERE hidden.visible_from_us > 0);
