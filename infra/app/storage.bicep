metadata description = 'The app\'s own storage: the configuration, what a run keeps, the queue that carries it, and the host\'s own blobs.'

param name string
param location string
param tags object
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param sku string
param deploymentContainerName string
param configContainerName string
param workspaceId string
param isPrivate bool
@allowed([
  'Enabled'
  'Disabled'
])
param publicNetworkAccess string
param allowedIpAddress string

// The app makes each of these when it first misses it; made here, they are there before the first run.
var containers = [
  deploymentContainerName
  configContainerName
  'staged'
  'rejected-rows'
  'leavers'
  'ledgers'
  'undo'
]
var queues = [
  'run-steps'
  'run-steps-poison'
  'notices'
  'notices-poison'
]
var tables = [
  'runs'
  'batches'
  'events'
  'accounts'
  'requests'
  'audit'
  'notices'
]

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  // checkov:skip=CKV_AZURE_59: closed with vnetEnabled, else open to identities alone; the check's answer to a parameter varies from call to call
  // checkov:skip=CKV_AZURE_35: closed with vnetEnabled; without a network the app has no address of its own to let in, and only identities get in
  // checkov:skip=CKV_AZURE_206: zone-redundant by default, see storageSku in main.bicep; the check does not follow a parameter
  // checkov:skip=CKV_AZURE_43: made from small letters and digits in main.bicep; the check reads the parameter's name
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      ipRules: empty(allowedIpAddress) ? [] : [
        {
          action: 'Allow'
          value: allowedIpAddress
        }
      ]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    // Neither versions nor soft-deleted blobs: either would keep the bodies, which hold personal data, for days after
    // their run has deleted them. The configuration's history belongs into git; docs/operate.md says so.
    isVersioningEnabled: false
    deleteRetentionPolicy: {
      enabled: false
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = [for container in containers: {
  parent: blobs
  name: container
  properties: {
    publicAccess: 'None'
  }
}]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2023-05-01' = {
  parent: account
  name: 'default'
}

resource storageQueues 'Microsoft.Storage/storageAccounts/queueServices/queues@2023-05-01' = [for queue in queues: {
  parent: queueService
  name: queue
}]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2023-05-01' = {
  parent: account
  name: 'default'
}

resource storageTables 'Microsoft.Storage/storageAccounts/tableServices/tables@2023-05-01' = [for table in tables: {
  parent: tableService
  name: table
}]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          // Import bodies hold personal data. A run deletes its own when it ends; this is for one that never did.
          // Longer than any run may send, as shared/lifetimes.py has it: a rule does not see whether a run has ended.
          name: 'staged-bodies-9-days'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                'staged/'
              ]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: 9
                }
              }
            }
          }
        }
        {
          name: 'rejected-rows-30-days'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                'rejected-rows/'
              ]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: 30
                }
              }
            }
          }
        }
        {
          // Keyed digests of who left a list, or is in one, with Brevo's numbers. A run uses an answer for an hour.
          name: 'leavers-1-day'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                'leavers/'
              ]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: 1
                }
              }
            }
          }
        }
        {
          // Whom a run has added to a list and whom it has removed: keyed digests and Brevo's numbers.
          name: 'undo-30-days'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                'undo/'
              ]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: 30
                }
              }
            }
          }
        }
      ]
    }
  }
}

// Who deleted what. Reads and writes are not logged: the host polls and renews its leases all day long.
resource blobAudit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

output id string = account.id
output name string = account.name
