"""A model that uses all of the form."""

SHOP = """\
types:
  group:
    relations: {manager: [user]}
  folder:
    relations: {parent: [folder], owner: [user], viewer: [user, "user:*", "anyone:*", group#member, role#holder]}
    parents: [parent]
    permissions: {read: viewer or owner or parent.read}
  document:
    relations:
      folder: [folder]
      owner: [user]
      editor: [user, group#member]
      viewer: [user, "user:*", group#member]
      banned: [user]
    parents: [folder]
    owner: owner
    acl: [owner, editor, viewer, comment]
    permissions:
      read: (viewer or editor or owner or folder.read) but not banned
      write: editor or owner
      comment: write or (read and editor)
    attributes:
      classification: string
      region: {type: string, source: stored}
  expense:
    permissions: [approve, read]
  identity: {accounts_by: email}
accounts:
  attributes: {department: string, clearance: {type: int, source: stored}}
roles:
  reader: {permissions: [document.read]}
  writer: {description: Writes, permissions: [document.write, expense.*], includes: [reader]}
  boss: {permissions: ["*"]}
windows:
  business_hours: {time_zone: Europe/Berlin, days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"}
policies:
  - name: office
    effect: allow
    action: read
    resource: document
    condition: {user.department: engineering, time: business_hours}
  - {name: big, effect: deny, action: [approve], resource: expense, when: 'resource.amount > 1000 && subject.level < 3'}
tests:
  - name: editors write
    facts:
      relations: ["document:1#editor@group:eng#member", "group:eng#member@user:ada", "document:1#comment@user:*"]
      roles: {"user:ben": [writer, {role: reader, on: document:2}]}
      grants: [{subject: user:ada, permission: document.read, on: document:1, until: 2026-01-05T10:00:00Z}]
      attributes: {"user:ada": {department: engineering, n: 3}, "document:1": {a: [1, 2.5, no]}}
    check: [{subject: user:ada, action: write, resource: document:1, context: {ip: 192.0.2.1},
      at: 2026-01-05T10:00:00Z, allowed: true}]
    who_can: [{action: write, resource: document:1, subjects: [user:ada]}]
    what_can: [{subject: user:ada, action: write, type: document, resources: [document:1]}]
"""
