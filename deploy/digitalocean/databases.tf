locals {
  engine_droplets = merge(
    { for n, server in module.server : "server-${n}" => server.id },
    { for n, worker in module.worker : "worker-${n}" => worker.id },
  )
}

resource "digitalocean_database_cluster" "mongodb" {
  name                 = "${var.name}-mongodb"
  engine               = "mongodb"
  version              = "8"
  size                 = "db-s-1vcpu-2gb"
  region               = var.region
  node_count           = var.database_nodes.mongodb
  private_network_uuid = digitalocean_vpc.this.id
}

resource "digitalocean_database_db" "sandgate" {
  cluster_id = digitalocean_database_cluster.mongodb.id
  name       = "sandgate"
}

resource "digitalocean_database_cluster" "postgres" {
  name                 = "${var.name}-postgres"
  engine               = "pg"
  version              = "17"
  size                 = "db-s-1vcpu-2gb"
  region               = var.region
  node_count           = var.database_nodes.postgres
  private_network_uuid = digitalocean_vpc.this.id
}

resource "digitalocean_database_cluster" "valkey" {
  name                 = "${var.name}-valkey"
  engine               = "valkey"
  version              = "8"
  size                 = "db-s-1vcpu-1gb"
  region               = var.region
  node_count           = var.database_nodes.valkey
  private_network_uuid = digitalocean_vpc.this.id
  # The queue must not be evicted: when memory is full, submissions are refused.
  eviction_policy = "noeviction"
}

# Who is let in: the droplets that call, and nobody else. Without such a rule the whole world is.
resource "digitalocean_database_firewall" "mongodb" {
  cluster_id = digitalocean_database_cluster.mongodb.id
  rule {
    type  = "droplet"
    value = module.runner.id
  }
}

resource "digitalocean_database_firewall" "postgres" {
  cluster_id = digitalocean_database_cluster.postgres.id
  dynamic "rule" {
    for_each = local.engine_droplets
    content {
      type  = "droplet"
      value = rule.value
    }
  }
}

resource "digitalocean_database_firewall" "valkey" {
  cluster_id = digitalocean_database_cluster.valkey.id
  dynamic "rule" {
    for_each = merge(
      { runner = module.runner.id },
      local.engine_droplets,
    )
    content {
      type  = "droplet"
      value = rule.value
    }
  }
}
