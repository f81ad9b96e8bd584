metadata description = 'Holds the Brevo key. The secret itself is never in a template or its parameters: post_deploy.py or a person puts it there, and no template can overwrite a rotated one.'

param name string
param location string
param tags object
param workspaceId string
param purgeProtection bool
param isPrivate bool
@allowed([
  'Enabled'
  'Disabled'
])
param publicNetworkAccess string = 'Enabled'
param allowedIpAddress string

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  // checkov:skip=CKV_AZURE_189: closed with vnetEnabled, see CKV_AZURE_109; the check does not follow a parameter
  // checkov:skip=CKV_AZURE_109: closed with vnetEnabled; without a network the app has no address of its own to let in, and only identities get in
  // checkov:skip=CKV_AZURE_110: on unless purgeProtection says otherwise, for a drill; the check does not follow a parameter
  // checkov:skip=CKV_AZURE_42: as CKV_AZURE_110, which is the half of it that a parameter decides
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    // Null, not false: Azure refuses false, and a vault that has the protection cannot lose it.
    // https://learn.microsoft.com/azure/templates/microsoft.keyvault/vaults
    enablePurgeProtection: purgeProtection ? true : null
    softDeleteRetentionInDays: 90
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      ipRules: empty(allowedIpAddress) ? [] : [
        {
          value: allowedIpAddress
        }
      ]
    }
  }
}

// Who read or changed the key.
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
