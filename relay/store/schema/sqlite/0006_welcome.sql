-- The welcome that an application wants for those who open its link: {"template": NAME, "data": …}, as JSON.
ALTER TABLE links ADD COLUMN welcome TEXT NOT NULL DEFAULT '';
