/**
 * Finds a WebGPU adapter in Node (npm package `webgpu`, Dawn) and opens a device on it.
 *
 * `COCOON_GPU` chooses: `auto` (default: a real GPU, else SwiftShader), `native` (a real GPU only), `swiftshader`.
 * Set it in the environment of the process; worker threads have a copy that native code does not see.
 */
import { WebGpuUnavailableError } from './errors';
import { hasVulkanLoader, selectSwiftShader, swiftShaderArchive, unpackSwiftShader } from './swiftShader';

export type GpuChoice = 'auto' | 'native' | 'swiftshader';

export interface AdapterDescription {
  vendor: string;
  architecture: string;
  /** Name of the device, or the driver's description when it gives no name. */
  device: string;
  /** True when a CPU does the work of the GPU (SwiftShader, WARP, lavapipe). */
  isSoftware: boolean;
}

export interface OpenedDevice {
  device: GPUDevice;
  adapter: AdapterDescription;
  /** Whether WGSL has dot4I8Packed here. */
  hasPackedDot: boolean;
  /** Lanes of a subgroup where the device has subgroups of one size, else 0. */
  subgroupSize: number;
}

/** Limits an engine would like, each asked for as min(adapter, need). */
export type DeviceNeeds = Partial<Record<(typeof ASKED_LIMITS)[number], number>>;

const ASKED_LIMITS = [
  'maxStorageBufferBindingSize', 'maxBufferSize', 'maxComputeInvocationsPerWorkgroup', 'maxComputeWorkgroupSizeX',
] as const;

/**
 * Objects returned by `create()` must outlive every device made from them: webgpu 0.6.2 crashes the process when one is
 * collected. They are kept for the life of the process.
 */
const heldForever: GPU[] = [];

/** Reads `COCOON_GPU`. */
export function gpuChoice(value = process.env.COCOON_GPU): GpuChoice {
  if (value === undefined || value === '') return 'auto';
  if (value === 'auto' || value === 'native' || value === 'swiftshader') return value;
  throw new WebGpuUnavailableError('engine.webgpu.choice', 'COCOON_GPU has an unknown value', {
    expected: 'auto, native or swiftshader',
    received: value,
  });
}

/**
 * Opens a device.
 * @param softwareSubgroups use subgroups of a software adapter too, where they bring nothing; for tests
 * Throws WebGpuUnavailableError that says what was tried and what to do. */
export async function openDevice(
  needs: DeviceNeeds = {}, choice = gpuChoice(), softwareSubgroups = false,
): Promise<OpenedDevice> {
  const tried: string[] = [];
  const { create, globals } = await importWebGpu();
  Object.assign(globalThis, globals); // GPUBufferUsage and the like

  let software: GPUAdapter | null = null;
  if (choice !== 'swiftshader' && !hasVulkanLoader()) {
    tried.push('no Vulkan loader (libvulkan.so.1, Debian package libvulkan1), so no native adapter');
  } else if (choice !== 'swiftshader') {
    const native = await requestAdapter(create);
    const name = native && (native.info.description || native.info.device);
    if (native && !isSoftware(native.info)) {
      try {
        return await open(native, needs, softwareSubgroups);
      } catch (error) {
        tried.push(`${name} gave no device: ${(error as Error).message}`);
      }
    } else {
      tried.push(native ? `only a software adapter (${name})` : 'no native adapter');
      software = native;
    }
  }
  if (choice !== 'native') {
    const archive = swiftShaderArchive();
    if (archive) {
      try {
        selectSwiftShader(unpackSwiftShader(archive));
        const adapter = await requestAdapter(create);
        if (adapter) return await open(adapter, needs, softwareSubgroups);
        tried.push('SwiftShader was unpacked but gave no adapter');
      } catch (error) {
        tried.push(`SwiftShader failed: ${(error as Error).message}`);
      }
    } else {
      tried.push(`no SwiftShader for ${process.platform} ${process.arch} (npm package @sparticuz/chromium, linux x64)`);
    }
    if (software) return open(software, needs, softwareSubgroups);
  }
  throw new WebGpuUnavailableError('engine.webgpu.unavailable', 'no WebGPU adapter', {
    expected: choice === 'native' ? 'a GPU with a Vulkan, Metal or D3D12 driver' : 'a GPU driver or SwiftShader',
    received: tried.join('; '),
    hint: 'install a GPU driver, or use COCOON_GPU=auto with development dependencies on linux x64, ' +
      'or choose the reference back end',
  });
}

type CreateGpu = (options: string[]) => GPU;

async function importWebGpu(): Promise<{ create: CreateGpu; globals: object }> {
  try {
    return (await import('webgpu')) as unknown as { create: CreateGpu; globals: object };
  } catch (cause) {
    throw new WebGpuUnavailableError('engine.webgpu.unavailable', 'the webgpu package does not load', {
      expected: 'linux with glibc 2.34 or later (x64, arm64), macOS or Windows',
      received: `${process.platform} ${process.arch}: ${(cause as Error).message.split('\n')[0]}`,
      hint: 'choose the reference back end',
      cause,
    });
  }
}

async function requestAdapter(create: CreateGpu): Promise<GPUAdapter | null> {
  const gpu = create([]);
  heldForever.push(gpu);
  return gpu.requestAdapter({ powerPreference: 'high-performance' });
}

function isSoftware(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|microsoft basic render/i.test(
    `${info.architecture} ${info.device} ${info.description}`);
}

async function open(
  adapter: GPUAdapter, needs: DeviceNeeds, softwareSubgroups: boolean,
): Promise<OpenedDevice> {
  const requiredLimits: Record<string, number> = {};
  for (const name of ASKED_LIMITS) {
    const need = needs[name];
    if (need !== undefined) requiredLimits[name] = Math.min(need, adapter.limits[name]);
  }
  const { info } = adapter;
  const { subgroupMinSize, subgroupMaxSize } = info;
  const subgroups = adapter.features.has('subgroups') && subgroupMinSize === subgroupMaxSize
    && (softwareSubgroups || !isSoftware(info));
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures: subgroups ? ['subgroups'] : [] });
  const gpu = heldForever[heldForever.length - 1];
  return {
    device,
    adapter: {
      vendor: info.vendor,
      architecture: info.architecture,
      device: info.description || info.device,
      isSoftware: isSoftware(info),
    },
    hasPackedDot: gpu.wgslLanguageFeatures.has('packed_4x8_integer_dot_product'),
    subgroupSize: subgroups ? Number(subgroupMaxSize) : 0,
  };
}
