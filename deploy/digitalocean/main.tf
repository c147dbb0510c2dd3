# Seven droplets in a VPC, and three managed databases. docs/deployment.md tells how to use it.
#
#   world ─► client ─► runner ─► load balancer ─► server-1, -2      worker-1, -2
#                        ▲                                             │
#                        └────────────── results ──────────────────────┘
#
# Everything but the client is reached at private addresses alone.

locals {
  servers = toset(["1", "2"])
  workers = toset([for n in range(1, var.workers + 1) : tostring(n)])


  # https://www.cloudflare.com/ips/: the same list as in nginx/cloudflare.conf, which a test compares.
  cloudflare = [
    for line in split("\n", file("${path.module}/../../nginx/cloudflare.conf")) :
    trimsuffix(trimprefix(line, "set_real_ip_from "), ";") if startswith(line, "set_real_ip_from ")
  ]
  visitors = var.behind_cloudflare ? local.cloudflare : ["0.0.0.0/0", "::/0"]
}

locals {
  common = {
    image          = var.image
    region         = var.region
    vpc            = digitalocean_vpc.this.id
    ssh_keys       = var.ssh_keys
    registry_login = var.registry_login
  }
}

resource "digitalocean_vpc" "this" {
  name     = var.name
  region   = var.region
  ip_range = var.ip_range
}

module "client" {
  source   = "./part"
  name     = "${var.name}-client"
  size     = var.sizes.client
  common   = local.common
  services = local.client
  files    = merge(local.nginx, { "nginx/page.conf" = file("${path.module}/page.conf") })
}

module "runner" {
  source   = "./part"
  name     = "${var.name}-runner"
  size     = var.sizes.runner
  common   = local.common
  services = local.runner
}

module "load_balancer" {
  source   = "./part"
  name     = "${var.name}-lb"
  size     = var.sizes.load_balancer
  common   = local.common
  services = local.load_balancer
  files    = local.nginx
}

module "server" {
  source   = "./part"
  for_each = local.servers
  name     = "${var.name}-server-${each.key}"
  size     = var.sizes.server
  common   = local.common
  services = local.server
}

module "worker" {
  source   = "./part"
  for_each = local.workers
  name     = "${var.name}-worker-${each.key}"
  size     = var.sizes.worker
  common   = local.common
  services = local.worker
  files    = { "seccomp-worker.json" = file("${path.module}/../../compose/seccomp-worker.json") }
}
