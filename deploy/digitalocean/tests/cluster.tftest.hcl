# terraform test: what is made, and who may reach whom, without an account.
mock_provider "digitalocean" {
  mock_resource "digitalocean_droplet" {
    defaults = { id = "99", ipv4_address_private = "10.114.16.99" }
  }
}

override_resource {
  target = module.client.digitalocean_droplet.this
  values = { id = "1", ipv4_address_private = "10.114.16.1" }
}

override_resource {
  target = module.runner.digitalocean_droplet.this
  values = { id = "2", ipv4_address_private = "10.114.16.2" }
}

override_resource {
  target = module.load_balancer.digitalocean_droplet.this
  values = { id = "3", ipv4_address_private = "10.114.16.3" }
}

override_resource {
  target = module.server["1"].digitalocean_droplet.this
  values = { id = "4", ipv4_address_private = "10.114.16.4" }
}

override_resource {
  target = module.server["2"].digitalocean_droplet.this
  values = { id = "5", ipv4_address_private = "10.114.16.5" }
}

override_resource {
  target = module.worker["1"].digitalocean_droplet.this
  values = { id = "6", ipv4_address_private = "10.114.16.6" }
}

override_resource {
  target = module.worker["2"].digitalocean_droplet.this
  values = { id = "7", ipv4_address_private = "10.114.16.7" }
}

variables {
  ssh_keys  = ["aa:bb"]
  registry  = "registry.example.com/team/"
  image_tag = "1.2.3"
  secrets = {
    authn_token   = "0123456789abcdef0123456789abcdef-n"
    authz_token   = "0123456789abcdef0123456789abcdef-z"
    bootstrap_key = "0123456789abcdef0123456789abcdef-b"
    web_key       = "0123456789abcdef0123456789abcdef-w"
    web_secret    = "0123456789abcdef0123456789abcdef-c"
  }
}

run "seven_droplets_and_three_databases" {
  assert {
    condition     = length(output.private_addresses) == 7
    error_message = "There are not seven droplets."
  }
  assert {
    condition     = length(module.server) == 2 && length(module.worker) == 2
    error_message = "There are not two servers and two workers."
  }
  assert {
    condition = alltrue([
      for database in [digitalocean_database_cluster.mongodb, digitalocean_database_cluster.postgres, digitalocean_database_cluster.valkey] :
      database.private_network_uuid == digitalocean_vpc.this.id
    ])
    error_message = "A database is not in the VPC."
  }
  assert {
    condition     = digitalocean_database_cluster.valkey.eviction_policy == "noeviction"
    error_message = "The queue may be evicted."
  }
}

run "the_public_reaches_the_client_alone" {
  assert {
    condition = alltrue(flatten([
      for part, firewall in digitalocean_firewall.this : [
        for rule in firewall.inbound_rule : [
          for address in rule.source_addresses : part == "client" || !strcontains(address, "/")
        ]
      ]
    ]))
    error_message = "A part besides the client lets in more than single addresses."
  }
  assert {
    condition     = length(flatten([for rule in digitalocean_firewall.this["client"].inbound_rule : rule.source_addresses])) == 2 * length(local.cloudflare)
    error_message = "The client does not let in Cloudflare alone."
  }
  assert {
    condition     = length(local.cloudflare) == 22 && alltrue([for range in local.cloudflare : can(cidrhost(range, 0))])
    error_message = "The list of Cloudflare's addresses can't be read."
  }
}

run "each_hop_from_its_caller" {
  assert {
    condition     = one(digitalocean_firewall.this["load_balancer"].inbound_rule).source_addresses == toset([module.runner.address])
    error_message = "The load balancer's caller is not the runner."
  }
  assert {
    condition     = one(digitalocean_firewall.this["server"].inbound_rule).source_addresses == toset([module.load_balancer.address])
    error_message = "The servers' caller is not the load balancer."
  }
  assert {
    condition = one(digitalocean_firewall.this["runner"].inbound_rule).source_addresses == toset(concat(
      [module.client.address], [for worker in module.worker : worker.address],
    ))
    error_message = "The runner's callers are not the client and the workers."
  }
  assert {
    condition     = length(digitalocean_firewall.this["worker"].inbound_rule) == 0
    error_message = "Somebody reaches the workers."
  }
  assert {
    condition     = length(digitalocean_firewall.this["server"].droplet_ids) > 0 && length(digitalocean_firewall.this) == 5
    error_message = "A part has no firewall."
  }
}

run "databases_let_in_their_callers_alone" {
  assert {
    condition     = [for rule in digitalocean_database_firewall.mongodb.rule : rule.type] == ["droplet"]
    error_message = "MongoDB lets in more than the runner."
  }
  assert {
    condition     = alltrue([for rule in digitalocean_database_firewall.postgres.rule : rule.type == "droplet" && contains(values(local.engine_droplets), rule.value)])
    error_message = "PostgreSQL lets in more than servers and workers."
  }
  assert {
    condition     = alltrue([for rule in digitalocean_database_firewall.valkey.rule : rule.type == "droplet"])
    error_message = "Valkey lets in more than droplets."
  }
}

run "containers_have_no_more_rights_than_they_need" {
  assert {
    condition = alltrue(flatten([
      for services in [local.client, local.runner, local.load_balancer, local.server, local.worker] : [
        for service in services : service.read_only && service.cap_drop == ["ALL"] && !can(service.privileged)
      ]
    ]))
    error_message = "A container has rights that it does not need."
  }
  assert {
    condition     = local.worker.worker.cap_add == ["SETUID", "SETGID", "SETFCAP"] && !can(local.server.server.cap_add)
    error_message = "The worker's rights are not those of docs/cluster.md."
  }
  assert {
    condition     = endswith(local.runner.gateway.image, "sandgate-gateway:1.2.3")
    error_message = "The images are not those of the tag."
  }
}

run "workers_are_told_no_token" {
  assert {
    condition     = length([for name, value in local.worker.worker.environment : name if strcontains(name, "TOKEN")]) == 0
    error_message = "A worker is told a token, and it is nearest to hostile programs."
  }
}

run "guests_stay_who_they_are" {
  assert {
    condition     = nonsensitive(local.client.web.environment.SANDGATE_WEB_SECRET) == "0123456789abcdef0123456789abcdef-c"
    error_message = "The web client signs cookies with a secret that ends with its process."
  }
}

run "people_sign_in" {
  variables {
    web_settings = {
      SANDGATE_WEB_URL        = "https://code.example.com"
      SANDGATE_OIDC_ISSUER    = "https://id.example.com"
      SANDGATE_OIDC_CLIENT_ID = "sandgate"
    }
    oidc_client_secret = "a$b"
  }
  assert {
    condition     = nonsensitive(local.client.web.environment.SANDGATE_OIDC_CLIENT_SECRET) == "a$$b"
    error_message = "The secret of the OpenID Connect client does not come as it is."
  }
  assert {
    condition     = local.client.web.environment.SANDGATE_OIDC_ISSUER == "https://id.example.com" && local.client.web.environment.SANDGATE_WEB_URL == "https://code.example.com"
    error_message = "The web client does not have its settings."
  }
}

run "secrets_are_no_settings" {
  command = plan
  variables {
    web_settings = { SANDGATE_OIDC_CLIENT_SECRET = "x" }
  }
  expect_failures = [var.web_settings]
}

run "without_cloudflare_the_world_comes_in" {
  variables {
    behind_cloudflare = false
  }
  assert {
    condition     = alltrue([for rule in digitalocean_firewall.this["client"].inbound_rule : contains(rule.source_addresses, "0.0.0.0/0")])
    error_message = "Nobody can reach the client."
  }
}

run "more_workers" {
  variables {
    workers         = 5
    admin_addresses = ["192.0.2.7/32"]
  }
  assert {
    condition     = length(module.worker) == 5 && one(digitalocean_firewall.this["worker"].inbound_rule).port_range == "22"
    error_message = "There are not five workers, reached by SSH alone."
  }
}

run "one_worker_is_too_few" {
  command = plan
  variables {
    workers = 1
  }
  expect_failures = [var.workers]
}
