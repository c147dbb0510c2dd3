# Each part is reached by its one caller, at its private address; the runner, to which workers bring results,
# has two. What is not named is dropped.
locals {
  # Who may come in.
  inbound = {
    client = [
      { port = "443", from = local.visitors },  # the web page
      { port = "8443", from = local.visitors }, # the API
    ]
    runner        = [{ port = "8080", from = concat([module.client.address], [for worker in module.worker : worker.address]) }]
    load_balancer = [{ port = "8080", from = [module.runner.address] }]
    server        = [{ port = "2358", from = [module.load_balancer.address] }]
    worker        = []
  }
  droplets = {
    client        = [module.client.id]
    runner        = [module.runner.id]
    load_balancer = [module.load_balancer.id]
    server        = [for server in module.server : server.id]
    worker        = [for worker in module.worker : worker.id]
  }
}

resource "digitalocean_firewall" "this" {
  for_each    = local.inbound
  name        = "${var.name}-${replace(each.key, "_", "-")}"
  droplet_ids = local.droplets[each.key]

  dynamic "inbound_rule" {
    for_each = each.value
    content {
      protocol         = "tcp"
      port_range       = inbound_rule.value.port
      source_addresses = inbound_rule.value.from
    }
  }
  dynamic "inbound_rule" {
    for_each = length(var.admin_addresses) > 0 ? [1] : []
    content {
      protocol         = "tcp"
      port_range       = "22"
      source_addresses = var.admin_addresses
    }
  }

  # Out: images, packages and names by anybody; webhooks and key sets by the runner; the issuer that people
  # sign in at by the client. Programs in the sandbox have no network at all.
  outbound_rule {
    protocol              = "tcp"
    port_range            = "1-65535"
    destination_addresses = ["0.0.0.0/0", "::/0"]
  }
  outbound_rule {
    protocol              = "udp"
    port_range            = "53"
    destination_addresses = ["0.0.0.0/0", "::/0"]
  }
}
