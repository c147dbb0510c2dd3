// At the first start: the gateway's own user, who sees its own database only.
db.getSiblingDB('sandgate').createUser({
  user: 'sandgate',
  pwd: process.env.SANDGATE_PASSWORD,
  roles: [{ role: 'readWrite', db: 'sandgate' }],
});
